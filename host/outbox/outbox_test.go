package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// noFiles is a Files without a disk.
type noFiles struct{}

func (noFiles) Event(id, reporter string, seq uint64, try uint32, inputs, _ []contract.Artifact) (string, []contract.Artifact, error) {
	return fmt.Sprintf("%s/%s/%d-%d", id, reporter, seq, try), inputs, nil
}
func (noFiles) Accept(_ string, outputs []contract.Artifact) ([]contract.Artifact, func() error, error) {
	return outputs, func() error { return nil }, nil
}
func (noFiles) Publish(string, []contract.Artifact) error { return nil }
func (noFiles) Discard(string) error                      { return nil }

// desk is a reporter that records the events that it is given, in order.
type desk struct {
	mu     sync.Mutex
	seen   []string
	at     []time.Time
	answer func(e contract.Event) error
	facts  map[string]string // of every answer
	slow   time.Duration
	most   int // concurrent reports
	now    int
}

func (d *desk) Ready(ctx context.Context) error { return ctx.Err() }

func (d *desk) Report(ctx context.Context, e contract.Event, _ func(contract.WorkEvent) error) (contract.Result, error) {
	d.mu.Lock()
	number := uint64(0)
	if e.Block != nil {
		number = e.Block.Number
	}
	d.seen = append(d.seen, fmt.Sprintf("%d %s", number, e.Kind))
	d.at = append(d.at, time.Now())
	d.now++
	d.most = max(d.most, d.now)
	d.mu.Unlock()
	defer func() { d.mu.Lock(); d.now--; d.mu.Unlock() }()
	select {
	case <-time.After(d.slow):
	case <-ctx.Done():
		return contract.Result{}, ctx.Err()
	}
	if d.answer != nil {
		return contract.Result{Facts: d.facts}, d.answer(e)
	}
	return contract.Result{Facts: d.facts}, nil
}

func (d *desk) events() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.seen)
}

// fill opens a checkpoint outside of the virtual time and adds the phases of blocks.
func fill(t *testing.T, blocks []uint64, kinds ...contract.EventKind) *checkpoint.Store {
	t.Helper()
	store, err := checkpoint.Open(filepath.Join(t.TempDir(), "checkpoint.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for _, kind := range kinds {
		add(t, store, kind, blocks...)
	}
	return store
}

func idOf(n uint64) string {
	return contract.Block{ChainID: 1, Number: n, Hash: contract.Hash{byte(n), byte(n >> 8)}}.JobID()
}

// add appends one event of a kind for each of the blocks.
func add(t testing.TB, store *checkpoint.Store, kind contract.EventKind, blocks ...uint64) {
	t.Helper()
	var change record.Change
	for _, n := range blocks {
		block := contract.Block{ChainID: 1, Number: n, Hash: contract.Hash{byte(n), byte(n >> 8)}}
		rec := record.New(block, record.Selected, time.Now())
		rec.State, rec.Finished = status.JobDone, time.Now()
		change.Jobs = append(change.Jobs, rec)
		change.Events = append(change.Events, record.Event{
			Reporter: "r", Kind: kind, Job: rec.ID, Block: &block,
			At: time.Now(), Expires: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		})
	}
	if err := store.Commit(change); err != nil {
		t.Fatal(err)
	}
}

// start runs a sender until the test's virtual time ends.
func start(t *testing.T, c Config, store Store, files Files, d Worker) (s *Sender, stop func()) {
	t.Helper()
	c.Pipeline, c.Reporter, c.Timeout = "p", "r", time.Minute
	s = New(c, store, files, d)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { s.Run(ctx) })
	return s, func() { cancel(); run.Wait() }
}

// deliver runs a sender for some virtual time.
func deliver(t *testing.T, store *checkpoint.Store, d *desk, concurrency int, span time.Duration) *Sender {
	t.Helper()
	s, stop := start(t, Config{Concurrency: concurrency}, store, noFiles{}, d)
	time.Sleep(span)
	stop()
	return s
}

var phases = []contract.EventKind{contract.EventQueued, contract.EventProving, contract.EventProved}

func TestPhasesInOrderNumbersConcurrently(t *testing.T) {
	store := fill(t, nil)
	synctest.Test(t, func(t *testing.T) {
		d := &desk{slow: time.Second}
		s, stop := start(t, Config{Concurrency: 2}, store, noFiles{}, d)
		var want []string
		for _, kind := range phases {
			add(t, store, kind, 1, 2, 3)
			want = append(want, fmt.Sprintf("1 %s", kind), fmt.Sprintf("2 %s", kind), fmt.Sprintf("3 %s", kind))
			s.Wake()
			time.Sleep(10 * time.Second)
		}
		stop()
		seen := d.events()
		for i := 0; i < len(seen); i += 3 {
			slices.Sort(seen[i:min(i+3, len(seen))])
		}
		if !slices.Equal(seen, want) || d.most != 2 || s.State().Sent != 9 {
			t.Errorf("%d at a time: %v", d.most, seen)
		}
	})
	if left, _ := store.Outbox("r"); len(left) != 0 {
		t.Errorf("%d events are left", len(left))
	}
}

func TestFailedTryHoldsUpItsNumberAlone(t *testing.T) {
	store := fill(t, []uint64{1, 2}, contract.EventProved)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		d := &desk{answer: func(e contract.Event) error {
			if e.Block.Number == 1 && time.Since(begin) < time.Hour {
				return errors.New("503")
			}
			return nil
		}}
		deliver(t, store, d, 2, 2*time.Hour)
		seen := d.events()
		if i := slices.Index(seen, "2 proved"); i < 0 || i > 2 {
			t.Errorf("block 2 waited for block 1: %v", seen)
		}
		if seen[len(seen)-1] != "1 proved" || len(seen) > 30 {
			t.Errorf("block 1 after an hour of failures, %d tries in all: %v", len(seen), seen)
		}
	})
	if left, _ := store.Outbox("r"); len(left) != 0 {
		t.Errorf("%d events are left", len(left))
	}
}

func TestAnswersAskForTheirOwnPause(t *testing.T) {
	store := fill(t, []uint64{1}, contract.EventQueued)
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		d.answer = func(contract.Event) error {
			if len(d.events()) == 1 {
				return contract.RetryAfter(errors.New("429"), 47*time.Second)
			}
			return nil
		}
		deliver(t, store, d, 1, 10*time.Minute)
		if len(d.at) != 2 || d.at[1].Sub(d.at[0]) < 47*time.Second {
			t.Errorf("tries at %v", d.at)
		}
	})
}

func TestEnvironmentPausesEveryNumber(t *testing.T) {
	store := fill(t, []uint64{1, 2, 3, 4}, contract.EventQueued)
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answer: func(contract.Event) error {
			return contract.Environment(errors.New("401 Invalid API key"), "set ETHPROOFS_API_KEY")
		}}
		s := deliver(t, store, d, 1, 30*time.Second)
		if n := len(d.events()); n > 6 || s.State().Paused == "" {
			t.Errorf("%d tries with a wrong key, paused %q", n, s.State().Paused)
		}
	})
	if left, _ := store.Outbox("r"); len(left) != 4 {
		t.Errorf("%d events are left, want all 4", len(left))
	}
}

func TestRejectedLeavesAReportAndAnAlert(t *testing.T) {
	store := fill(t, []uint64{1}, contract.EventQueued)
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answer: func(e contract.Event) error {
			if e.Kind == contract.EventQueued {
				return contract.Permanent(errors.New("400 bad"))
			}
			return nil
		}}
		s := New(Config{Reporter: "r", Timeout: time.Minute, Alerts: func(e record.Event, reason string, now time.Time) []record.Event {
			return []record.Event{{Reporter: "other", Kind: contract.EventReporterRejected, Facts: map[string]string{"reason": reason}, Expires: now.Add(time.Hour)}}
		}}, store, noFiles{}, d)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.Run(ctx)
	})
	if alerts, _ := store.Outbox("other"); len(alerts) != 1 || alerts[0].Facts["reason"] != "400 bad" {
		t.Errorf("alerts %+v", alerts)
	}
	reports, _ := store.Reports(idOf(1))
	if len(reports) != 1 || reports[0].State != string(record.Rejected) {
		t.Errorf("reports %+v", reports)
	}
}

// TestDeliveryIsAnnouncedToTheOthers checks that the transaction that removes a delivered
// event adds the events for other reporters and the answer to the job's reports.
func TestDeliveryIsAnnouncedToTheOthers(t *testing.T) {
	store := fill(t, []uint64{1}, contract.EventProved)
	answer := map[string]string{contract.FactOutcome: contract.OutcomeAccepted, "proof_id": "7"}
	synctest.Test(t, func(t *testing.T) {
		woken := 0
		d := &desk{facts: answer}
		s := New(Config{Reporter: "r", Timeout: time.Minute,
			Accepted: func(e record.Event, facts map[string]string, _ []contract.Artifact, now time.Time) []record.Event {
				if e.Kind != contract.EventProved {
					return nil
				}
				return []record.Event{{Reporter: "other", Kind: contract.EventAccepted, Facts: facts, Expires: now.Add(time.Hour)}}
			},
			Alerted: func() {
				woken++
				waiting, err := store.Outbox("other")
				left, _ := store.Outbox("r")
				if err != nil || len(waiting) != 1 || len(left) != 0 {
					t.Errorf("woken with %d events for the other and %d left, %v", len(waiting), len(left), err)
				}
			},
		}, store, noFiles{}, d)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.Run(ctx)
		if woken != 1 {
			t.Errorf("the others were woken %d times, want once", woken)
		}
	})
	if told, _ := store.Outbox("other"); len(told) != 1 || !maps.Equal(told[0].Facts, answer) {
		t.Errorf("the other is told %+v", told)
	}
	reports, _ := store.Reports(idOf(1))
	if len(reports) != 1 || !maps.Equal(reports[0].Facts, answer) {
		t.Errorf("reports %+v, want the answer", reports)
	}
}

func TestRestartBetweenEveryTwoPhases(t *testing.T) {
	store := fill(t, nil)
	d := &desk{slow: time.Second}
	for _, kind := range phases {
		add(t, store, kind, 7)
		for _, life := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond} { // the first ends in the middle of a try
			synctest.Test(t, func(t *testing.T) { deliver(t, store, d, 1, life) })
		}
	}
	seen := slices.Compact(d.events())
	if want := []string{"7 queued", "7 proving", "7 proved"}; !slices.Equal(seen, want) {
		t.Errorf("the other side saw %v", d.events())
	}
	if left, _ := store.Outbox("r"); len(left) != 0 {
		t.Errorf("%d events are left", len(left))
	}
}

func TestFlushWaitsForFirstTriesOnly(t *testing.T) {
	store := fill(t, []uint64{1, 2}, contract.EventQueued)
	synctest.Test(t, func(t *testing.T) {
		d := &desk{slow: time.Second, answer: func(e contract.Event) error {
			if e.Block.Number == 1 {
				return contract.RetryAfter(errors.New("429"), time.Hour)
			}
			return nil
		}}
		s := New(Config{Reporter: "r", Concurrency: 1, Timeout: time.Minute}, store, noFiles{}, d)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		begin := time.Now()
		s.Flush(ctx)
		if took := time.Since(begin); took < 2*time.Second || took > 10*time.Second {
			t.Errorf("flushed after %s, want just over two tries of 1 s", took)
		}
		cancel()
		run.Wait()
	})
}
