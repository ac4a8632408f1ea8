package host

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/tracing"
)

// rootSpans exports the root span of each settled block, from its timestamp to its
// acceptance or its end.
type rootSpans struct {
	pipeline string
	exported map[string]time.Time // by job id: when the job was made
}

var _ live.Observer = (*rootSpans)(nil)

// StageDone implements live.Observer.
func (*rootSpans) StageDone(status.Job, status.JobStage) {}

// Committed implements live.Observer.
func (*rootSpans) Committed(time.Duration) {}

// Settled implements live.Observer. When a job is settled again with another outcome, no
// second root span is exported, because a trace has only one.
func (r *rootSpans) Settled(j status.Job, t live.Target) {
	if r.exported[j.ID].Equal(j.Created) {
		return
	}
	if len(r.exported) > 10_000 { // bounds the memory; old jobs are not settled again
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
