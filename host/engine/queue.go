package engine

import (
	"cmp"
	"time"

	"github.com/google/btree"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
)

// entry is a job that waits for a stage: everything it needs is done. An entry is
// never changed; a job whose urgency changes gets another one.
type entry struct {
	job       *active
	id        string
	number    uint64
	wanted    bool // the operator asked for it
	announced bool // an unkept announcement counts against the operator
	suspect   bool // to be tried alone, see outcome.go
	notBefore time.Time
}

// queue holds the jobs that wait for one stage. Every operation costs O(log n), or
// O(k) for a look at the k most urgent. It is guarded by Engine.mu.
type queue struct {
	waiting  *btree.BTreeG[entry] // all, by urgency
	ready    *btree.BTreeG[entry] // those that may begin now, by urgency
	delayed  *btree.BTreeG[entry] // the others, by the time at which they may begin
	byNumber *btree.BTreeG[entry] // all, by block number
	of       map[string]entry     // by job
}

const degree = 16 // of the trees

func newQueue(s selection.Selection) queue {
	urgency := func(a, b entry) bool { return compare(s, a, b) < 0 }
	return queue{
		waiting: btree.NewG(degree, urgency),
		ready:   btree.NewG(degree, urgency),
		delayed: btree.NewG(degree, func(a, b entry) bool {
			return cmp.Or(a.notBefore.Compare(b.notBefore), cmp.Compare(a.id, b.id)) < 0
		}),
		byNumber: btree.NewG(degree, func(a, b entry) bool {
			return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.id, b.id)) < 0
		}),
		of: map[string]entry{},
	}
}

// compare orders jobs by urgency: what the operator asked for, what has been
// announced, then by the selection's order.
func compare(s selection.Selection, a, b entry) int {
	return cmp.Or(
		compareBool(b.wanted, a.wanted),
		compareBool(b.announced, a.announced),
		s.Compare(a.number, b.number),
		cmp.Compare(a.id, b.id),
	)
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// entryOf describes a job that waits for a stage.
func entryOf(a *active, r record.Stage, now time.Time) entry {
	// A clock that was set back must not make a back-off longer than any is.
	notBefore := r.NotBefore
	if latest := now.Add(maxBackoff); notBefore.After(latest) {
		notBefore = latest
	}
	return entry{
		job: a, id: a.rec.ID, number: a.rec.Block.Number,
		wanted:    a.rec.Origin == record.Added || a.rec.Origin == record.Given,
		announced: a.rec.Announced(), suspect: r.Suspect || r.Deaths > 0, notBefore: notBefore,
	}
}

// put adds an entry, or replaces the one of the same job.
func (q *queue) put(e entry, now time.Time) {
	if old, ok := q.of[e.id]; ok {
		if old == e {
			return
		}
		q.remove(e.id)
	}
	q.of[e.id] = e
	q.waiting.ReplaceOrInsert(e)
	q.byNumber.ReplaceOrInsert(e)
	if e.notBefore.After(now) {
		q.delayed.ReplaceOrInsert(e)
	} else {
		q.ready.ReplaceOrInsert(e)
	}
}

// remove takes a job out; one that is not there is no error.
func (q *queue) remove(id string) {
	e, ok := q.of[id]
	if !ok {
		return
	}
	delete(q.of, id)
	q.waiting.Delete(e)
	q.ready.Delete(e)
	q.delayed.Delete(e)
	q.byNumber.Delete(e)
}

// wake makes ready what has waited long enough, and returns how long the next one
// has to wait; at most a minute.
func (q *queue) wake(now time.Time) time.Duration {
	for {
		e, ok := q.delayed.Min()
		if !ok {
			return time.Minute
		}
		if until := e.notBefore.Sub(now); until > 0 {
			return min(until, time.Minute)
		}
		q.delayed.Delete(e)
		q.ready.ReplaceOrInsert(e)
	}
}

// urgent counts the permitted jobs that are at least as urgent as e, up to most.
func (q *queue) urgent(s selection.Selection, e entry, most int, permitted func(id string) bool) (count int) {
	q.waiting.Ascend(func(other entry) bool {
		if compare(s, other, e) > 0 {
			return false
		}
		if permitted(other.id) {
			count++
		}
		return count < most
	})
	return count
}

// first returns up to most of the waiting jobs, the most urgent first.
func (q *queue) first(most int) (entries []entry) {
	q.waiting.Ascend(func(e entry) bool {
		if len(entries) < most {
			entries = append(entries, e)
		}
		return len(entries) < most
	})
	return entries
}
