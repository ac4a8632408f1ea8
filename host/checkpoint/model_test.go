package checkpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// model holds in maps what a store must hold.
type model struct {
	jobs     map[string]*record.Job
	cursor   *record.Cursor
	outbox   map[string][]record.Event
	last     map[string]uint64
	reached  map[string]map[uint64]record.Reached
	reports  map[string]map[string]status.Report // by job, then by seq and reporter
	requests []record.Request
	runs     []record.Run
}

func newModel() *model {
	return &model{
		jobs: map[string]*record.Job{}, outbox: map[string][]record.Event{}, last: map[string]uint64{},
		reached: map[string]map[uint64]record.Reached{}, reports: map[string]map[string]status.Report{},
	}
}

// content returns the model in the form of the function content.
func (m *model) content() map[string]string {
	all := map[string]string{}
	put := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		all[name] = string(text)
	}
	for id, j := range m.jobs {
		put("jobs/"+id, j)
		all[fmt.Sprintf("numbers/%d/%s", j.Block.Number, id)] = ""
		if j.State.Finished() {
			all[fmt.Sprintf("history/%d/%s", j.Finished.UnixNano(), id)] = string(j.State)
		}
		if j.Open() {
			all["active/"+id] = ""
		}
	}
	if m.cursor != nil {
		put("cursors/source", m.cursor)
	}
	for reporter, events := range m.outbox {
		for _, e := range events {
			put(fmt.Sprintf("outbox/%s/%d", reporter, e.Seq), e)
			if e.Job != "" {
				all[fmt.Sprintf("owing/%s/%d/%s", e.Job, e.Seq, reporter)] = ""
			}
		}
	}
	for name, n := range m.last {
		put("last/"+name, n)
	}
	for reporter, numbers := range m.reached {
		for n, r := range numbers {
			put(fmt.Sprintf("reached/%s/%d", reporter, n), r)
		}
	}
	for id, reports := range m.reports {
		for name, r := range reports {
			put("reports/"+id+"/"+name, r)
		}
	}
	for _, r := range m.requests {
		put(fmt.Sprintf("requests/%d", r.ID), r)
	}
	for _, r := range m.runs {
		put(fmt.Sprintf("runs/%d", r.Seq), r)
	}
	return all
}

func (m *model) commit(c record.Change) {
	for _, id := range c.Unsend {
		for reporter := range m.outbox {
			m.outbox[reporter] = slices.DeleteFunc(m.outbox[reporter], func(e record.Event) bool { return e.Job == id && e.Tries == 0 })
		}
	}
	for _, j := range c.Jobs {
		m.jobs[j.ID] = j
	}
	m.append(c.Events)
	if c.Cursor != nil {
		m.cursor = c.Cursor
	}
	m.requests = slices.DeleteFunc(m.requests, func(r record.Request) bool { return slices.Contains(c.Requests, r.ID) })
}

func (m *model) append(events []record.Event) {
	for _, e := range events {
		m.last["outbox/"+e.Reporter]++
		e.Seq = m.last["outbox/"+e.Reporter]
		m.outbox[e.Reporter] = append(m.outbox[e.Reporter], e)
	}
}

func (m *model) find(reporter string, seq uint64) *record.Event {
	i := slices.IndexFunc(m.outbox[reporter], func(e record.Event) bool { return e.Seq == seq })
	if i < 0 {
		return nil
	}
	return &m.outbox[reporter][i]
}

func (m *model) try(reporter string, seq uint64, now time.Time) bool {
	e := m.find(reporter, seq)
	if e == nil {
		return false
	}
	if rank := record.Rank(e.Kind); rank > 0 && e.Block != nil {
		if m.reached[reporter] == nil {
			m.reached[reporter] = map[uint64]record.Reached{}
		}
		if rank < m.reached[reporter][e.Block.Number].Rank {
			m.settle(reporter, seq, record.Settlement{Outcome: record.Superseded, Reason: "a later phase of this number was announced before", At: now})
			return false
		}
		later := *e // settle moves the events of the outbox
		m.reached[reporter][later.Block.Number] = record.Reached{Hash: later.Block.Hash, Rank: rank}
		for _, o := range slices.Clone(m.outbox[reporter]) {
			if r := record.Rank(o.Kind); r > 0 && r < rank && o.Seq < seq && o.Block != nil && o.Block.Number == later.Block.Number {
				m.settle(reporter, o.Seq, record.Settlement{Outcome: record.Superseded, Reason: "a later phase of this number is announced instead: " + string(later.Kind), At: now})
			}
		}
	}
	m.find(reporter, seq).Tries++
	return true
}

func (m *model) settle(reporter string, seq uint64, end record.Settlement) {
	e := *m.find(reporter, seq)
	m.outbox[reporter] = slices.DeleteFunc(m.outbox[reporter], func(e record.Event) bool { return e.Seq == seq })
	m.append(end.Causes)
	if m.jobs[e.Job] == nil {
		return
	}
	if m.reports[e.Job] == nil {
		m.reports[e.Job] = map[string]status.Report{}
	}
	m.reports[e.Job][fmt.Sprintf("%d/%s", seq, reporter)] = status.Report{
		Reporter: reporter, Kind: e.Kind, State: string(end.Outcome), Tries: e.Tries, At: end.At, Error: end.Reason, Facts: end.Facts,
	}
}

func (m *model) owes(id string) (owes bool) {
	for _, events := range m.outbox {
		owes = owes || slices.ContainsFunc(events, func(e record.Event) bool { return e.Job == id })
	}
	return owes
}

func (m *model) prune(done, failed time.Time, limit int) (pruned []string) {
	var old []*record.Job
	for _, j := range m.jobs {
		before := done
		if j.State == status.JobFailed {
			before = failed
		}
		if !j.Open() && j.Finished.Before(before) && !m.owes(j.ID) {
			old = append(old, j)
		}
	}
	slices.SortFunc(old, func(a, b *record.Job) int { return slices.Compare(historyKey(a), historyKey(b)) })
	for _, j := range old[:min(len(old), limit)] {
		pruned = append(pruned, j.ID)
		delete(m.jobs, j.ID)
		delete(m.reports, j.ID)
		if !slices.ContainsFunc(slices.Collect(maps.Values(m.jobs)), func(o *record.Job) bool { return o.Block.Number == j.Block.Number }) {
			for _, numbers := range m.reached {
				delete(numbers, j.Block.Number)
			}
		}
	}
	return pruned
}

// TestStoreIsItsModel makes random changes to a store and to its model. After each change
// both must hold the same and the file must be intact, also after it is opened again.
func TestStoreIsItsModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		path := filepath.Join(t.TempDir(), "checkpoint.db")
		var s *Store
		reopen := func() {
			if s != nil {
				if err := s.Close(); err != nil {
					r.Fatal(err)
				}
			}
			var err error
			if s, err = Open(path); err != nil {
				r.Fatal(err)
			}
			s.db.NoSync = true // nobody pulls the plug
		}
		reopen()
		defer func() { s.Close() }()
		m := newModel()
		now := noon
		reporters := rapid.SampledFrom([]string{"ethproofs", "slack"})
		anyJob := func() *record.Job {
			number := rapid.Uint64Range(1, 12).Draw(r, "number")
			j := block(number, rapid.ByteRange(0, 1).Draw(r, "fork"), rapid.SampledFrom([]status.JobState{
				status.JobWaiting, status.JobRunning, status.JobDone, status.JobFailed, status.JobDropped, status.JobCancelled,
			}).Draw(r, "state"))
			if j.State.Finished() {
				j.Finished = now
			}
			if rapid.IntRange(0, 4).Draw(r, "shadow") == 0 {
				j.Stages["shadow"] = record.Stage{State: record.StageWaiting, Shadow: true}
			}
			j.Aside = rapid.IntRange(0, 9).Draw(r, "aside") == 0
			return j
		}
		anyEvent := func() (string, uint64) {
			reporter := reporters.Draw(r, "reporter")
			return reporter, rapid.Uint64Range(1, m.last["outbox/"+reporter]+1).Draw(r, "seq")
		}
		phases := rapid.SampledFrom([]contract.EventKind{contract.EventQueued, contract.EventProving, contract.EventProved, contract.EventFailed})
		step := func(err error) {
			if err != nil {
				r.Fatal(err)
			}
			now = now.Add(time.Second)
		}
		r.Repeat(map[string]func(*rapid.T){
			"commit": func(*rapid.T) {
				change := record.Change{}
				for range rapid.IntRange(0, 3).Draw(r, "jobs") {
					j := anyJob()
					change.Jobs = append(change.Jobs, j)
					if rapid.Bool().Draw(r, "tells") {
						change.Events = append(change.Events, event(reporters.Draw(r, "reporter"), j, phases.Draw(r, "kind")))
					}
				}
				if rapid.Bool().Draw(r, "polled") {
					change.Cursor = &record.Cursor{Stage: "source", Cursor: []byte{1}, Head: uint64(now.Unix()), Updated: now}
				}
				if rapid.IntRange(0, 4).Draw(r, "alert") == 0 {
					change.Events = append(change.Events, record.Event{Reporter: reporters.Draw(r, "reporter"), Kind: contract.EventNodeDown, At: now})
				}
				if known := slices.Sorted(maps.Keys(m.jobs)); len(known) > 0 && rapid.IntRange(0, 3).Draw(r, "orphan") == 0 {
					change.Unsend = append(change.Unsend, rapid.SampledFrom(known).Draw(r, "unsend"))
				}
				if len(m.requests) > 0 {
					change.Requests = []uint64{m.requests[0].ID}
				}
				m.commit(change)
				step(s.Commit(change))
			},
			"try": func(*rapid.T) {
				reporter, seq := anyEvent()
				want := m.try(reporter, seq, now)
				if _, ok, err := s.Try(reporter, seq, now); err != nil || ok != want {
					r.Fatalf("try %s %d: %v, %v, want %v", reporter, seq, ok, err, want)
				}
			},
			"settle": func(*rapid.T) {
				reporter, seq := anyEvent()
				end := record.Settlement{Outcome: record.Sent, At: now}
				if rapid.Bool().Draw(r, "answers") {
					end.Facts = map[string]string{contract.FactOutcome: contract.OutcomeAccepted, "proof_id": "7"}
				}
				if known := slices.Sorted(maps.Keys(m.jobs)); len(known) > 0 && rapid.Bool().Draw(r, "accepted") {
					cause := event(reporters.Draw(r, "to"), m.jobs[rapid.SampledFrom(known).Draw(r, "of")], contract.EventAccepted)
					end.Causes = append(end.Causes, cause)
				}
				if rapid.Bool().Draw(r, "alerts") {
					end.Causes = append(end.Causes, record.Event{Reporter: reporters.Draw(r, "to"), Kind: contract.EventReporterRejected, At: now})
				}
				if m.find(reporter, seq) != nil {
					m.settle(reporter, seq, end)
				}
				step(s.Settle(reporter, seq, end))
			},
			"defer": func(*rapid.T) {
				reporter, seq := anyEvent()
				if e := m.find(reporter, seq); e != nil {
					e.NotUntil, e.Error = now.Add(time.Minute), "503"
				}
				step(s.Defer(reporter, seq, now.Add(time.Minute), "503"))
			},
			"prune": func(*rapid.T) {
				done, failed := now.Add(-5*time.Second), now.Add(-10*time.Second)
				limit := rapid.IntRange(1, 5).Draw(r, "limit")
				want := m.prune(done, failed, limit)
				if got, err := s.Prune(done, failed, limit); err != nil || !slices.Equal(got, want) {
					r.Fatalf("pruned %v, %v; want %v", got, err, want)
				}
			},
			"request": func(*rapid.T) {
				m.last["requests"]++
				requests := []record.Request{{Number: uint64(now.Unix()), At: now}}
				step(s.AddRequests(requests))
				if requests[0].ID != m.last["requests"] {
					r.Fatalf("request %+v, want number %d", requests[0], m.last["requests"])
				}
				m.requests = append(m.requests, requests[0])
			},
			"begin": func(*rapid.T) {
				id := rapid.StringMatching("[a-z]{26}").Draw(r, "id") // in no order
				run := record.Run{ID: id, PID: 1, Started: now}
				previous, err := s.Begin(run)
				m.last["runs"]++
				run.Seq = m.last["runs"]
				if (previous != nil) != (len(m.runs) > 0) || previous != nil && *previous != m.runs[len(m.runs)-1] {
					r.Fatalf("the run before is %+v of %+v", previous, m.runs)
				}
				if m.runs = append(m.runs, run); len(m.runs) > keptRuns {
					m.runs = m.runs[1:]
				}
				step(err)
			},
			"end": func(*rapid.T) {
				if n := len(m.runs); n > 0 {
					m.runs[n-1].Stopped = now
					step(s.End(m.runs[n-1].ID, now))
				}
			},
			"reopen": func(*rapid.T) { reopen() },
			"": func(*rapid.T) {
				if diff := cmp.Diff(m.content(), content(t, s)); diff != "" {
					r.Fatalf("(-model +store):\n%s", diff)
				}
				var found findings
				s.checkPages(&found)
				_ = s.view(func(t tx) error {
					found.Problems = append(found.Problems, examine(t, new(Counts))...)
					return nil
				})
				if len(found.Problems) > 0 {
					r.Fatalf("not sound: %+v", found.Problems)
				}
				ids, want := slices.Sorted(maps.Keys(m.jobs)), []string(nil)
				for _, id := range ids {
					j := m.jobs[id]
					if !j.Open() && !m.owes(id) && (j.State != status.JobFailed || j.Finished.Before(now.Add(-3*time.Second))) {
						want = append(want, id)
					}
				}
				if got, err := s.Releasable(ids, now.Add(-3*time.Second)); err != nil || !slices.Equal(got, want) {
					r.Fatalf("releasable %v, %v; want %v", got, err, want)
				}
			},
		})
	})
}
