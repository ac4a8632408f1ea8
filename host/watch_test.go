package host

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestWatcher checks the alerts about outages of a source and a reporter.
func TestWatcher(t *testing.T) {
	reporters := []engine.Reporter{{Name: "slack", Wants: contract.EventKinds()}, {Name: "pager", Wants: contract.EventKinds()}}
	up := status.Stage{State: status.StageReady}
	down := status.Stage{State: status.StageUnavailable, Error: "the node is away"}
	crashed := status.Stage{State: status.StageBackoff}
	paused := status.Stage{State: status.StageDegraded, Paused: "three blocks failed in a row"}
	old := status.Stage{State: status.StageReady, Error: "the newest head is 172h old"}
	type look struct {
		after         time.Duration // since the look before
		source, slack status.Stage
		lost          bool // what is due cannot be recorded
		want          []string
	}
	for _, c := range []struct {
		name  string
		looks []look
	}{
		{"short outages are no news", []look{{0, up, up, false, nil}, {time.Second, down, up, false, nil}, {downAfter - 1, down, up, false, nil}, {1, up, up, false, nil},
			{time.Second, down, up, false, nil}, {downAfter - 1, down, up, false, nil}}},
		{"once when it lasts, and once when it is over", []look{{0, down, up, false, nil},
			{downAfter, down, up, false, []string{"slack node_down source: the node is away", "pager node_down source: the node is away"}},
			{time.Hour, crashed, up, false, nil},
			{time.Second, up, up, false, []string{"slack node_recovered source: down for 1h1m1s", "pager node_recovered source: down for 1h1m1s"}},
			{time.Hour, up, up, false, nil}}},
		{"the reason is the last one", []look{{0, down, up, false, nil},
			{downAfter, crashed, up, false, []string{"slack node_down source: the stage is backoff", "pager node_down source: the stage is backoff"}}}},
		{"due again until it is recorded", []look{{0, down, up, false, nil},
			{downAfter, down, up, true, []string{"slack node_down source: the node is away", "pager node_down source: the node is away"}},
			{time.Second, down, up, false, []string{"slack node_down source: the node is away", "pager node_down source: the node is away"}},
			{time.Second, up, up, true, []string{"slack node_recovered source: down for 1m2s", "pager node_recovered source: down for 1m2s"}},
			{time.Second, up, up, false, []string{"slack node_recovered source: down for 1m3s", "pager node_recovered source: down for 1m3s"}},
			{time.Second, up, up, false, nil}}},
		{"what a source that works says of itself", []look{{0, old, old, false, nil},
			{downAfter, old, old, false, []string{"slack node_down source: the newest head is 172h old", "pager node_down source: the newest head is 172h old"}},
			{time.Hour, old, old, false, nil},
			{time.Second, up, old, false, []string{"slack node_recovered source: down for 1h1m1s", "pager node_recovered source: down for 1h1m1s"}}}},
		{"an alert about a reporter goes to the others", []look{{0, up, paused, false, nil},
			{downAfter, up, paused, false, []string{"pager stage_down slack: three blocks failed in a row"}},
			{time.Minute, up, up, false, []string{"pager stage_recovered slack: down for 2m0s"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watcher{}
				for i, l := range c.looks {
					time.Sleep(l.after)
					l.source.Name, l.source.Kind = "source", contract.KindSource
					l.slack.Name, l.slack.Kind = "slack", contract.KindReporter
					events, recorded := w.check([]status.Stage{l.source, l.slack}, reporters, time.Now())
					if !l.lost {
						recorded()
					}
					var got []string
					for _, e := range events {
						got = append(got, e.Reporter+" "+string(e.Kind)+" "+e.Stage+": "+e.Facts[contract.FactReason])
					}
					if !slices.Equal(got, l.want) {
						t.Errorf("look %d: %q, want %q", i, got, l.want)
					}
				}
			})
		})
	}
}

// TestAlertsAreRaisedAgain checks that an alert which could not be recorded is recorded when
// the checkpoint can be written again.
func TestAlertsAreRaisedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	store, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil { // it records nothing any more
		t.Fatal(err)
	}
	var log strings.Builder
	h := &host{Options: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, store: store}
	w := watcher{}
	down := []status.Stage{{Name: "prove", Kind: contract.KindProver, State: status.StageQuarantined, Error: "no GPU"}}
	reporters := []engine.Reporter{{Name: "slack", Wants: []contract.EventKind{contract.EventStageDown}}}
	began := time.Now()
	h.raise(w, down, reporters, began)
	h.raise(w, down, reporters, began.Add(downAfter))
	if !strings.Contains(log.String(), "raised again") {
		t.Errorf("the log says %q", log.String())
	}
	if h.store, err = checkpoint.Open(path); err != nil {
		t.Fatal(err)
	}
	defer h.store.Close()
	for i := range 3 {
		h.raise(w, down, reporters, began.Add(downAfter+time.Duration(i+1)*time.Second))
	}
	events, err := h.store.Outbox("slack")
	if err != nil || len(events) != 1 || events[0].Kind != contract.EventStageDown || events[0].Stage != "prove" || events[0].Facts[contract.FactReason] != "no GPU" {
		t.Errorf("the outbox holds %+v, %v", events, err)
	}
}
