package history

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestLedgerFollowsTheCheckpoint checks that a ledger which is updated while jobs are added,
// finish and are queued again returns the same as a new one.
func TestLedgerFollowsTheCheckpoint(t *testing.T) {
	store, err := checkpoint.Open(filepath.Join(t.TempDir(), "checkpoint.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	p := &pipeline.Pipeline{Name: "p", Select: selection.Selection{Targets: contract.Selection{Every: 10}}}
	start := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	taken := func(number uint64, fork byte, at time.Time, origin string) *record.Job {
		return record.New(contract.Block{ChainID: 1, Number: number, Hash: contract.Hash{fork, byte(number)}, Time: at}, origin, at)
	}
	end := func(rec *record.Job, state status.JobState, announced contract.EventKind, at time.Time) *record.Job {
		rec = rec.Clone()
		rec.State, rec.Finished = state, at
		proof := record.Stage{State: record.StageDone, Announced: announced}
		if announced == contract.EventProved {
			proof.ProvingMS = 1000
		}
		rec.Stages["prove"] = proof
		return rec
	}
	kept := &Ledger{}
	var last score.Tally
	step := func(what string, now time.Time, want score.Tally, change record.Change) {
		t.Helper()
		if err := store.Commit(change); err != nil {
			t.Fatal(err)
		}
		for name, l := range map[string]*Ledger{"the one kept": kept, "a fresh one": {}} {
			report, err := l.Judge(store, p, now)
			if err != nil {
				t.Fatal(err)
			}
			last = report.Week
			got := score.Tally{Blocks: last.Blocks, Under: last.Under, Stunners: last.Stunners, Paralyzers: last.Paralyzers, Offline: last.Offline, Open: last.Open}
			if got != want {
				t.Errorf("%s, %s: %+v, want %+v", what, name, got, want)
			}
		}
	}
	a, b := taken(10, 0, start, record.Selected), taken(20, 0, start.Add(time.Minute), record.Selected)
	other := taken(25, 0, start, record.Added) // no target
	wanted := taken(30, 0, start, record.Added)
	step("taken", start.Add(2*time.Minute), score.Tally{Open: 3}, record.Change{Jobs: []*record.Job{a, b, other, wanted}})
	a = end(a, status.JobDone, contract.EventProved, start.Add(3*time.Minute))
	b = end(b, status.JobFailed, contract.EventQueued, start.Add(3*time.Minute))
	step("ended", start.Add(30*time.Minute), score.Tally{Blocks: 3, Under: 1, Paralyzers: 1, Offline: 1},
		record.Change{Jobs: []*record.Job{a, b, end(other, status.JobDone, contract.EventProved, start.Add(4*time.Minute)), end(wanted, status.JobDropped, "", start.Add(4*time.Minute))}})
	again := b.Clone()
	again.State, again.Finished = status.JobWaiting, time.Time{}
	step("queued again", start.Add(31*time.Minute), score.Tally{Blocks: 3, Under: 1, Paralyzers: 1, Offline: 1}, record.Change{Jobs: []*record.Job{again}})
	step("proved late", start.Add(40*time.Minute), score.Tally{Blocks: 3, Under: 2, Offline: 1},
		record.Change{Jobs: []*record.Job{end(again, status.JobDone, contract.EventProved, start.Add(32*time.Minute))}})
	step("the clock was set back", start.Add(35*time.Minute), score.Tally{Blocks: 4, Under: 3, Offline: 1},
		record.Change{Jobs: []*record.Job{end(taken(40, 0, start, record.Selected), status.JobDone, contract.EventProved, start.Add(34*time.Minute))}})
	step("a week later", start.Add(scorePeriod+30*time.Second), score.Tally{Blocks: 1, Under: 1}, record.Change{})
	if len(kept.finished) != 1 {
		t.Errorf("the ledger holds %d blocks, want the one of the last week", len(kept.finished))
	}
	if report, err := kept.Judge(store, p, start.Add(time.Hour)); err != nil || len(report.Unsent) != 0 {
		t.Errorf("%+v, %v", report.Unsent, err)
	}
}

// BenchmarkLedger measures the score of a week of every block: with a new ledger, and with
// one that reads only new jobs.
func BenchmarkLedger(b *testing.B) {
	store, err := checkpoint.Open(filepath.Join(b.TempDir(), "checkpoint.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	now := time.Now()
	var change record.Change
	const week = 50_400
	for i := range week {
		at := now.Add(-scorePeriod + time.Duration(i)*12*time.Second)
		rec := record.New(contract.Block{ChainID: 1, Number: uint64(i), Hash: contract.Hash{byte(i), byte(i >> 8)}, Time: at}, record.Selected, at)
		for _, s := range []string{"source", "input", "check", "prove"} {
			rec.Stages[s] = record.Stage{Fingerprint: "0123456789abcdef0123456789abcdef", State: record.StageDone, Attempt: 1, Started: at, Ended: at, WorkTime: time.Second,
				Outputs: []contract.Artifact{{Name: "witness.json", Path: "attempts/1-24647140-0a0b0c0d/source/1/out/witness.json"}}, Facts: map[string]string{contract.FactGasUsed: "36000000"}}
		}
		proof := rec.Stages["prove"]
		proof.Announced, proof.ProvingMS = contract.EventProved, 7000
		rec.Stages["prove"] = proof
		rec.State, rec.Finished = status.JobDone, at
		change.Jobs = append(change.Jobs, rec)
	}
	if err := store.Commit(change); err != nil {
		b.Fatal(err)
	}
	p := &pipeline.Pipeline{Select: selection.Selection{Targets: contract.Selection{Every: 1}}}
	for _, c := range []struct {
		name string
		kept *Ledger
	}{{"first", nil}, {"again", &Ledger{}}} {
		b.Run(c.name, func(b *testing.B) {
			if c.kept != nil {
				if _, err := c.kept.Judge(store, p, now); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				l := c.kept
				if l == nil {
					l = &Ledger{}
				}
				if report, err := l.Judge(store, p, now); err != nil || report.Week.Blocks < week-10 {
					b.Fatal(report.Week, err)
				}
			}
		})
	}
}
