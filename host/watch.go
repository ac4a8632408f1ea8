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
	downAfter = time.Minute     // a stage must be down for so long before it raises an alert
	downLook  = 5 * time.Second // between two looks for that
)

// watch raises an alert when a stage stays down, and takes it back when the
// stage works again.
func (h *host) watch(ctx context.Context) {
	w := watcher{}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.At(downLook):
			var wanting []engine.Reporter
			for _, r := range h.reporting() {
				wanting = append(wanting, engine.Reporter{Name: r.stage.config.Name, Wants: r.stage.binary.Manifest.Events})
			}
			h.raise(w, h.snapshot().Stages, wanting, now)
		}
	}
}

// raise records the alerts that are due. Those that cannot be recorded are due again
// at the next look.
func (h *host) raise(w watcher, stages []status.Stage, reporters []engine.Reporter, now time.Time) {
	events, recorded := w.look(stages, reporters, now)
	if len(events) > 0 {
		if err := h.store.Commit(record.Change{Events: events}); err != nil {
			h.Log.Error("alerts could not be recorded; they are raised again", "error", err)
			return
		}
		h.announced()
	}
	recorded()
}

// watcher remembers since when stages are down, and what was alerted of it.
type watcher map[string]*outage

type outage struct {
	since   time.Time
	reason  string
	alerted bool
}

// look compares the stages with what it knows and returns the alerts that are due.
// An alert about a reporter goes to the others. They count as raised once recorded
// was called, and are due again until then.
func (w watcher) look(stages []status.Stage, reporters []engine.Reporter, now time.Time) (events []record.Event, recorded func()) {
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
		reason := trouble(s)
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

// trouble says why a stage does no work; empty when it does. A source that works is
// in trouble as long as it says so itself: a node that is down, or a head that is
// old, holds up blocks sooner or later.
func trouble(s status.Stage) string {
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
