package host

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestNextTarget checks the first block after the head that the selection includes.
func TestNextTarget(t *testing.T) {
	number := func(n uint64) *uint64 { return &n }
	for name, c := range map[string]struct {
		targets    contract.Selection
		head, want uint64
		ok         bool
	}{
		"every hundredth": {contract.Selection{Every: 100}, 24_000_001, 24_000_100, true},
		"at a target":     {contract.Selection{Every: 100}, 24_000_100, 24_000_200, true},
		"from later":      {contract.Selection{Every: 100, From: number(24_000_450)}, 24_000_001, 24_000_500, true},
		"behind the end":  {contract.Selection{Every: 100, To: number(24_000_100)}, 24_000_100, 0, false},
		"a shard":         {contract.Selection{Every: 100, ShardCount: 4, ShardIndex: 3}, 0, 300, true},
		"lists only":      {contract.Selection{}, 7, 0, false},
	} {
		h := &host{Options: Options{Pipeline: &pipeline.Pipeline{Select: selection.Selection{Targets: c.targets}}}}
		if got, ok := h.nextTarget(c.head); got != c.want || ok != c.ok {
			t.Errorf("%s: %d, %v; want %d, %v", name, got, ok, c.want, c.ok)
		}
	}
}

// TestProgressGoesByTimestamps checks that the estimate uses the timestamps of heads: neither
// old heads that are read quickly nor a block that arrives late change it.
func TestProgressGoesByTimestamps(t *testing.T) {
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p := progress{log: slog.New(slog.DiscardHandler), nextTarget: func(uint64) (uint64, bool) { return 200, true }}
	for i := range uint64(10) { // a head each 100 ms, whose timestamps are 12 s apart
		p.idle(status.Snapshot{Time: began.Add(time.Duration(i) * 100 * time.Millisecond), Head: 101 + i,
			HeadTime: began.Add(-time.Duration(9-i) * 12 * time.Second)})
	}
	if got := p.until(200, began.Add(time.Second)); got != 90*12*time.Second-time.Second {
		t.Errorf("in %s, want 90 slots behind the head's timestamp", got)
	}
}

// TestProgress checks that there is one line for each block that finishes, none for blocks
// that finished before the start, and one about the next target until it changes.
func TestProgress(t *testing.T) {
	var log bytes.Buffer
	text := slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	job := func(number uint64, state status.JobState, after time.Duration) status.Job {
		b := contract.Block{ChainID: 1, Number: number}
		return status.Job{ID: b.JobID(), Block: b, State: state, Created: began, Finished: began.Add(after), Reason: "the guest\nrejects it", ProvingMS: 16950}
	}
	p := progress{log: slog.New(text), nextTarget: func(uint64) (uint64, bool) { return 24_000_100, true }}
	look := func(at time.Duration, head uint64, active int, recent ...status.Job) {
		snap := status.Snapshot{Time: began.Add(at), Started: began, Head: head, Recent: recent, Counts: status.Counts{Active: active}}
		p.finished(snap)
		p.idle(snap)
	}
	old, done, failed := job(23_999_800, status.JobDone, -time.Hour), job(23_999_900, status.JobDone, 20*time.Second), job(24_000_000, status.JobFailed, 50*time.Second)
	look(time.Second, 24_000_000, 2, old)
	look(21*time.Second, 24_000_001, 1, done, old)
	look(22*time.Second, 24_000_001, 1, done, old)
	look(51*time.Second, 24_000_004, 0, failed, done, old)
	look(52*time.Second, 24_000_004, 0, failed, done, old)
	look(20*time.Minute, 24_000_099, 0, failed, done, old)
	got := strings.Split(strings.TrimSpace(log.String()), "\n")
	want := []string{
		`level=INFO msg="block proved" block=23999900 took=20s proving_time=16.95s`,
		`level=WARN msg="block failed" block=24000000 took=50s reason="the guest rejects it"`,
		`level=INFO msg="next target" block=24000100 head=24000004 in_about=20m0s`,
		`level=INFO msg="next target" block=24000100 head=24000099 in_about=12s`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBreakerIsAlerted checks that an open breaker raises an alert with its reason and remedy
// at the reporters that want it, and another alert when the stage works again.
func TestBreakerIsAlerted(t *testing.T) {
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	reporters := wanting("slack", contract.EventStageDown, contract.EventStageRecovered)
	w := watcher{}
	at := func(after time.Duration, paused string) (texts []string) {
		stages := []status.Stage{{Name: "prove", Kind: contract.KindProver, State: status.StageReady, Paused: paused}}
		events, recorded := w.check(stages, reporters, began.Add(after))
		recorded()
		for _, e := range events {
			texts = append(texts, e.Reporter+" "+string(e.Kind)+" "+e.Stage+": "+e.Facts[contract.FactReason])
		}
		return texts
	}
	const open = "the last 3 blocks failed alike, so that no more are spent: invalid state root (mend the cause, then: proofline blocks retry --failed)"
	if got := at(0, open); len(got) > 0 {
		t.Errorf("at once: %q", got)
	}
	if got := at(downAfter, open); len(got) != 1 || got[0] != "slack stage_down prove: "+open {
		t.Errorf("after %v: %q", downAfter, got)
	}
	if got := at(2*downAfter, open); len(got) > 0 {
		t.Errorf("again: %q", got)
	}
	if got := at(3*downAfter, ""); len(got) != 1 || !strings.HasPrefix(got[0], "slack stage_recovered prove") {
		t.Errorf("afterwards: %q", got)
	}
}

// wanting returns a reporter that wants the given kinds of events.
func wanting(name string, kinds ...contract.EventKind) []engine.Reporter {
	return []engine.Reporter{{Name: name, Wants: kinds}}
}
