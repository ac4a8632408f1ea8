package engine

import (
	"cmp"
	"time"

	"github.com/google/btree"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
)

// entry is a job that waits for a stage and has everything that the stage needs. An
// entry is never changed; a job whose urgency changes gets a new entry.
type entry struct {
	job       *active
	id        string
	number    uint64
	wanted    bool // the operator asked for the block
	announced bool // the block was announced; without a proof it counts against the operator
	suspect   bool // the job runs alone in its plugin, see poisonAfter
	notBefore time.Time
}

// queue holds the jobs that wait for one stage. Every operation takes O(log n), or
// O(k) when it returns the k most urgent jobs. It is guarded by Engine.mu.
type queue struct {
	waiting  *btree.BTreeG[entry] // all entries, by urgency
	ready    *btree.BTreeG[entry] // the entries that may begin now, by urgency
	delayed  *btree.BTreeG[entry] // the other entries, by the time at which they may begin
	byNumber *btree.BTreeG[entry] // all entries, by block number
	byJob    map[string]entry     // all entries, by job id
}

// degree is the degree of the B-trees.
const degree = 16

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
		byJob: map[string]entry{},
	}
}

// compare orders jobs by urgency, the most urgent first: blocks that the operator asked
// for, then blocks that were announced, then in the order of the selection.
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

// entryOf returns the entry of a job for the stage with the record r.
func entryOf(a *active, r record.Stage, now time.Time) entry {
	// A clock that was set back must not prolong a back-off beyond the longest one.
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
	if old, ok := q.byJob[e.id]; ok {
		if old == e {
			return
		}
		q.remove(e.id)
	}
	q.byJob[e.id] = e
	q.waiting.ReplaceOrInsert(e)
	q.byNumber.ReplaceOrInsert(e)
	if e.notBefore.After(now) {
		q.delayed.ReplaceOrInsert(e)
	} else {
		q.ready.ReplaceOrInsert(e)
	}
}

// remove removes the entry of a job, if there is one.
func (q *queue) remove(id string) {
	e, ok := q.byJob[id]
	if !ok {
		return
	}
	delete(q.byJob, id)
	q.waiting.Delete(e)
	q.ready.Delete(e)
	q.delayed.Delete(e)
	q.byNumber.Delete(e)
}

// wake makes the entries ready whose time has come. It returns how long the next one
// still has to wait, at most a minute.
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

// urgent counts the permitted jobs that are at least as urgent as e, up to limit.
func (q *queue) urgent(s selection.Selection, e entry, limit int, permitted func(id string) bool) (count int) {
	q.waiting.Ascend(func(other entry) bool {
		if compare(s, other, e) > 0 {
			return false
		}
		if permitted(other.id) {
			count++
		}
		return count < limit
	})
	return count
}

// first returns up to limit of the waiting jobs, the most urgent first.
func (q *queue) first(limit int) (entries []entry) {
	q.waiting.Ascend(func(e entry) bool {
		if len(entries) < limit {
			entries = append(entries, e)
		}
		return len(entries) < limit
	})
	return entries
}
