package outbox

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// lane identifies a set of events that are sent one after the other: the phases of a
// block number, the alerts about it, or the alerts about no block.
type lane struct {
	chain, number uint64
	block, alert  bool
	name          string // see record.Event.Lane
}

// laneOf returns the lane of an event.
func laneOf(e record.Event) lane {
	l := lane{alert: record.Rank(e.Kind) == 0, name: e.Lane}
	if e.Block != nil {
		l.block, l.chain, l.number = true, e.Block.ChainID, e.Block.Number
	}
	return l
}

// item is what a Sender keeps in memory about a waiting event.
type item struct {
	seq      uint64
	at       time.Time // when the event was written
	rank     int       // of its phase, see record.Rank
	tried    bool
	due      time.Time // earliest time of the next try; zero for at once
	released bool      // release has made it due once before
}

// queue holds the waiting events of a lane in the order of their writing.
type queue struct {
	items   []*item
	running *try // nil while no try is under way
}

// try is a try that is under way.
type try struct {
	item   *item
	since  time.Time
	cancel context.CancelCauseFunc
}

// next returns the event to try next, which is the first that is not superseded; nil
// when no event waits.
func (q *queue) next() *item {
	for i, it := range q.items {
		if !slices.ContainsFunc(q.items[i+1:], func(later *item) bool { return later.rank > it.rank }) {
			return it
		}
	}
	return nil
}

// superseded reports whether a later phase than that of the event waits.
func (q *queue) superseded(it *item) bool {
	return slices.ContainsFunc(q.items, func(later *item) bool { return later.seq > it.seq && later.rank > it.rank })
}

// refresh adds the events that were written since the last refresh to the lanes.
func (s *Sender) refresh() error {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	events, err := s.store.OutboxSince(s.cfg.Reporter, s.read)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		s.read = max(s.read, e.Seq)
		it := &item{seq: e.Seq, at: e.At, rank: record.Rank(e.Kind), tried: e.Tries > 0}
		if wait := min(e.NotUntil.Sub(now), maxRetryAfter); wait > 0 { // the clock may have been set back since
			it.due = now.Add(wait)
		}
		l := laneOf(e)
		if s.lanes[l] == nil {
			s.lanes[l] = &queue{}
		}
		s.lanes[l].items = append(s.lanes[l].items, it)
		if !it.due.IsZero() {
			s.deferred[it] = l
		}
		s.place(l)
	}
	return err
}

// begin marks the events that are to be tried now as running. It returns a function for
// each try and the longest time to wait before the next call. Events of the highest
// phase come first, and the oldest of these.
func (s *Sender) begin(ctx context.Context, now time.Time) (due []func(), wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait = time.Minute
	if pause := s.paused.Sub(now); pause > 0 {
		return nil, pause
	}
	for _, q := range s.busy {
		if until := q.overtake(now); until > 0 {
			wait = min(wait, until)
		}
	}
	for len(s.later.entries) > 0 && !s.later.entries[0].due.After(now) {
		heap.Push(&s.ready, heap.Pop(&s.later))
	}
	if len(s.later.entries) > 0 {
		wait = min(wait, s.later.entries[0].due.Sub(now))
	}
	concurrency := s.cfg.Concurrency
	if s.pauses > 0 {
		concurrency = 1 // enough to find out whether the fault is over
	}
	for len(s.busy) < concurrency && len(s.ready.entries) > 0 {
		next := heap.Pop(&s.ready).(scheduled)
		q := s.lanes[next.lane]
		if q == nil || q.running != nil || q.next() != next.item || !next.item.due.Equal(next.due) {
			continue // place has made another entry since
		}
		tried, cancel := context.WithCancelCause(ctx)
		q.running = &try{item: next.item, since: now, cancel: cancel}
		s.busy[next.lane] = q
		due = append(due, func() {
			defer cancel(nil)
			s.try(tried, next.lane, next.item)
			s.end(next.lane)
		})
	}
	return due, wait
}

// place schedules the next event of a lane. It is called whenever that event or its time
// may have changed. Entries that are out of date stay in the schedule, and begin ignores
// them. Sender.mu must be held.
func (s *Sender) place(l lane) {
	if q := s.lanes[l]; q != nil && q.running == nil {
		if it := q.next(); it != nil {
			heap.Push(&s.later, scheduled{l, it, it.due})
		}
	}
}

// overtake cancels the running try when a later phase of its lane is due and the try has
// taken overtakeAfter. It returns how long the try may still go on, or 0 when no later
// phase is due.
func (q *queue) overtake(now time.Time) time.Duration {
	it := q.next()
	if it == nil || it.rank <= q.running.item.rank || it.seq <= q.running.item.seq || it.due.After(now) {
		return 0
	}
	left := overtakeAfter - now.Sub(q.running.since)
	if left <= 0 {
		q.running.cancel(errOvertaken)
	}
	return left
}

// end frees the lane after a try.
func (s *Sender) end(l lane) {
	s.mu.Lock()
	delete(s.busy, l)
	s.lanes[l].running = nil
	if len(s.lanes[l].items) == 0 {
		delete(s.lanes, l)
	}
	s.place(l)
	s.mu.Unlock()
	s.Wake()
}

// forget removes an event from its lane that is no longer in the outbox.
func (s *Sender) forget(l lane, it *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(l, func(other *item) bool { return other == it })
}

// remove removes the matching events from a lane. Sender.mu must be held.
func (s *Sender) remove(l lane, matches func(*item) bool) {
	q := s.lanes[l]
	q.items = slices.DeleteFunc(q.items, func(it *item) bool {
		if matches(it) {
			delete(s.deferred, it)
			return true
		}
		return false
	})
}

// postpone sets when an event is due. requested is true when the reporter's error named
// the time. Sender.mu must be held.
func (s *Sender) postpone(l lane, it *item, due time.Time, requested bool) {
	it.due = due
	if !requested && !it.released {
		s.deferred[it] = l
	} else {
		delete(s.deferred, it)
	}
}

// release makes the events due that were postponed during an outage. It is called when a
// reporter has accepted or rejected an event, so that the outage is over. Two kinds of
// events stay postponed: those for which the reporter named a time, and those that have
// failed again after an earlier release. Sender.mu must be held.
func (s *Sender) release() {
	for it, l := range s.deferred {
		it.due, it.released = time.Time{}, true
		s.place(l)
	}
	clear(s.deferred)
}

// scheduled is the next event of a lane and when it is due.
type scheduled struct {
	lane lane
	item *item
	due  time.Time
}

// schedule is a heap.Interface over the events that are to be tried.
type schedule struct {
	entries []scheduled
	before  func(a, b scheduled) bool
}

func (s *schedule) Len() int           { return len(s.entries) }
func (s *schedule) Less(i, j int) bool { return s.before(s.entries[i], s.entries[j]) }
func (s *schedule) Swap(i, j int)      { s.entries[i], s.entries[j] = s.entries[j], s.entries[i] }
func (s *schedule) Push(x any)         { s.entries = append(s.entries, x.(scheduled)) }
func (s *schedule) Pop() any {
	last := s.entries[len(s.entries)-1]
	s.entries = s.entries[:len(s.entries)-1]
	return last
}

// byTime orders a schedule by due time.
func byTime(a, b scheduled) bool { return a.due.Before(b.due) }

// byPhase orders a schedule by phase, the highest first, and then by seq.
func byPhase(a, b scheduled) bool {
	return a.item.rank > b.item.rank || a.item.rank == b.item.rank && a.item.seq < b.item.seq
}

// Running is a try that is under way.
type Running struct {
	Number uint64
	Job    string
	Kind   contract.EventKind
	Try    uint32
	Since  time.Time
}

// State is a snapshot of a Sender.
type State struct {
	Waiting  []uint64  // block numbers with unsent events, the oldest event first
	Oldest   time.Time // when the oldest unsent event was written; zero without one
	Running  []Running
	Sent     uint64 // events that the reporter has accepted since the start
	Rejected uint64 // events that the reporter has rejected since the start
	Paused   string // why nothing is sent at present; empty otherwise
}

// State returns a snapshot.
func (s *Sender) State() State {
	_ = s.refresh() // Run logs this error
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state
	state.Running = slices.Clone(state.Running)
	type waiting struct{ seq, number uint64 }
	var all []waiting
	for l, q := range s.lanes {
		if len(q.items) > 0 && (state.Oldest.IsZero() || q.items[0].at.Before(state.Oldest)) {
			state.Oldest = q.items[0].at
		}
		if l.block && len(q.items) > 0 {
			all = append(all, waiting{q.items[0].seq, l.number})
		}
	}
	slices.SortFunc(all, func(a, b waiting) int { return cmp.Compare(a.seq, b.seq) })
	seen := map[uint64]bool{}
	for _, w := range all {
		if !seen[w.number] {
			state.Waiting = append(state.Waiting, w.number)
		}
		seen[w.number] = true
	}
	return state
}
