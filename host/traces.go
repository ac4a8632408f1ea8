package host

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/tracing"
)

// roots exports the root span of each block that comes to an outcome: from its
// timestamp to its acceptance or end.
type roots struct {
	pipeline string
	exported map[string]time.Time // by job: when it was taken up
}

var _ live.Observer = (*roots)(nil)

// StageDone implements live.Observer.
func (*roots) StageDone(status.Job, status.JobStage) {}

// Committed implements live.Observer.
func (*roots) Committed(time.Duration) {}

// Settled implements live.Observer. A job that comes to another outcome later keeps
// its first root: a trace has one.
func (r *roots) Settled(j status.Job, t live.Target) {
	if r.exported[j.ID].Equal(j.Created) {
		return
	}
	if len(r.exported) > 10_000 { // those are long settled
		clear(r.exported)
	}
	r.exported[j.ID] = j.Created
	end := j.Finished
	for _, report := range j.Reports {
		if report.At.After(end) {
			end = report.At
		}
	}
	tracing.Root(r.pipeline, j.ID, "block", t.Time, end,
		attribute.Int64("proofline.block", int64(t.Number)), attribute.String("proofline.job", j.ID), attribute.String("proofline.outcome", t.Outcome))
}
