package host

import (
	"cmp"
	"context"
	"time"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/tick"
)

const (
	downAfter      = time.Minute     // a stage must be down for this time before an alert is raised
	downCheckEvery = 5 * time.Second // between two checks
)

// watch raises an alert when a stage stays down, and another when it works again, until
// ctx ends.
func (h *host) watch(ctx context.Context) {
	w := watcher{}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.At(downCheckEvery):
			var reporters []engine.Reporter
			for _, r := range h.currentReporters() {
				reporters = append(reporters, r.stage.engineReporter())
			}
			h.raise(w, h.snapshot().Stages, reporters, now)
		}
	}
}

// raise records the alerts that are due. Alerts that cannot be recorded are due again at
// the next check.
func (h *host) raise(w watcher, stages []status.Stage, reporters []engine.Reporter, now time.Time) {
	events, recorded := w.check(stages, reporters, now)
	if len(events) > 0 {
		if err := h.store.Commit(record.Change{Events: events}); err != nil {
			h.Log.Error("alerts could not be recorded; they are raised again", "error", err)
			return
		}
		h.announced()
	}
	recorded()
}

// watcher holds the present outages by the name of the stage.
type watcher map[string]*outage

// outage is the time in which a stage is down.
type outage struct {
	since   time.Time
	reason  string
	alerted bool // an alert was recorded
}

// check compares the stages with the known outages and returns the alerts that are due. An
// alert about a reporter goes only to the other reporters. The caller must call recorded
// after it has recorded the alerts; otherwise they are due again.
func (w watcher) check(stages []status.Stage, reporters []engine.Reporter, now time.Time) (events []record.Event, recorded func()) {
	var steps []func()
	for _, s := range stages {
		down, recovered := contract.EventStageDown, contract.EventStageRecovered
		if s.Kind == contract.KindSource {
			down, recovered = contract.EventNodeDown, contract.EventNodeRecovered
		}
		var others []engine.Reporter
		for _, r := range reporters {
			if r.Name != s.Name {
				others = append(others, r)
			}
		}
		reason := downReason(s)
		known := w[s.Name]
		switch {
		case reason == "" && known == nil:
		case reason == "":
			if known.alerted {
				events = append(events, engine.Alerts(others, recovered, s.Name, nil, map[string]string{
					contract.FactReason: "down for " + now.Sub(known.since).Round(time.Second).String(),
				}, now)...)
			}
			steps = append(steps, func() { delete(w, s.Name) })
		case known == nil:
			w[s.Name] = &outage{since: now, reason: reason}
		default:
			known.reason = reason
			if !known.alerted && now.Sub(known.since) >= downAfter {
				events = append(events, engine.Alerts(others, down, s.Name, nil, map[string]string{contract.FactReason: reason}, now)...)
				steps = append(steps, func() { known.alerted = true })
			}
		}
	}
	return events, func() {
		for _, step := range steps {
			step()
		}
	}
}

// downReason returns why a stage does no work; empty when it works. A source that is ready
// also counts as down while it reports an error, such as a node that is down or an old
// head, because that will delay blocks.
func downReason(s status.Stage) string {
	switch s.State {
	case status.StageReady, status.StageDegraded:
		if s.Kind == contract.KindSource {
			return cmp.Or(s.Paused, s.Error)
		}
		return s.Paused
	}
	if s.Error != "" {
		return s.Error
	}
	return "the stage is " + string(s.State)
}
