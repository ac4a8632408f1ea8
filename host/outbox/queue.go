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

// lane names the events that must follow each other: the phases of a block
// number, the alerts about it, and the alerts about no block.
type lane struct {
	chain, number uint64
	block, alert  bool
	name          string // see record.Event.Lane
}

func laneOf(e record.Event) lane {
	l := lane{alert: record.Rank(e.Kind) == 0, name: e.Lane}
	if e.Block != nil {
		l.block, l.chain, l.number = true, e.Block.ChainID, e.Block.Number
	}
	return l
}

// head is what a Sender remembers of an event that waits.
type head struct {
	seq      uint64
	at       time.Time // of its writing
	rank     int
	tried    bool
	due      time.Time // the next try
	released bool      // made due once before by the end of an outage
}

// queue is a lane's events, in the order of their writing.
type queue struct {
	heads   []*head
	running *try // nil while there is none
}

// try is a try that is under way.
type try struct {
	head   *head
	since  time.Time
	cancel context.CancelCauseFunc
}

// next returns the event that is to be tried next: the first that no later phase
// makes void; nil where none waits.
func (q *queue) next() *head {
	for i, h := range q.heads {
		if !slices.ContainsFunc(q.heads[i+1:], func(later *head) bool { return later.rank > h.rank }) {
			return h
		}
	}
	return nil
}

// void reports whether a later phase than this one waits.
func (q *queue) void(h *head) bool {
	return slices.ContainsFunc(q.heads, func(later *head) bool { return later.seq > h.seq && later.rank > h.rank })
}

// refresh takes up the events that were written since the last time.
func (s *Sender) refresh() error {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	events, err := s.store.OutboxSince(s.cfg.Reporter, s.read)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		s.read = max(s.read, e.Seq)
		h := &head{seq: e.Seq, at: e.At, rank: record.Rank(e.Kind), tried: e.Tries > 0}
		if wait := min(e.NotUntil.Sub(now), maxAsked); wait > 0 { // the clock may have been set back since
			h.due = now.Add(wait)
		}
		l := laneOf(e)
		if s.lanes[l] == nil {
			s.lanes[l] = &queue{}
		}
		s.lanes[l].heads = append(s.lanes[l].heads, h)
		if !h.due.IsZero() {
			s.deferred[h] = l
		}
		s.place(l)
	}
	return err
}

// begin marks the events to try now as running and returns them, and how long to
// wait at most before it is worth looking again. The first are those with the
// highest phase, and of these the oldest.
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
	for len(s.later.turns) > 0 && !s.later.turns[0].due.After(now) {
		heap.Push(&s.ready, heap.Pop(&s.later))
	}
	if len(s.later.turns) > 0 {
		wait = min(wait, s.later.turns[0].due.Sub(now))
	}
	atOnce := s.cfg.Concurrency
	if s.pauses > 0 {
		atOnce = 1 // enough to see whether the fault is over
	}
	for len(s.busy) < atOnce && len(s.ready.turns) > 0 {
		t := heap.Pop(&s.ready).(turn)
		q := s.lanes[t.lane]
		if q == nil || q.running != nil || q.next() != t.head || !t.head.due.Equal(t.due) {
			continue // it has another turn since
		}
		tried, cancel := context.WithCancelCause(ctx)
		q.running = &try{head: t.head, since: now, cancel: cancel}
		s.busy[t.lane] = q
		due = append(due, func() {
			defer cancel(nil)
			s.try(tried, t.lane, t.head)
			s.end(t.lane)
		})
	}
	return due, wait
}

// place gives the next event of a lane its turn. It is called whenever that or its
// time may have changed; turns that do not hold any more are passed over. Sender.mu
// must be held.
func (s *Sender) place(l lane) {
	if q := s.lanes[l]; q != nil && q.running == nil {
		if h := q.next(); h != nil {
			heap.Push(&s.later, turn{l, h, h.due})
		}
	}
}

// overtake cancels the running try of an earlier phase than a due one after
// patience, and returns how long that is from now; 0 where there is nothing to
// wait for.
func (q *queue) overtake(now time.Time) time.Duration {
	h := q.next()
	if h == nil || h.rank <= q.running.head.rank || h.seq <= q.running.head.seq || h.due.After(now) {
		return 0
	}
	left := patience - now.Sub(q.running.since)
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
	if len(s.lanes[l].heads) == 0 {
		delete(s.lanes, l)
	}
	s.place(l)
	s.mu.Unlock()
	s.Wake()
}

// settled forgets an event that is no longer in the outbox.
func (s *Sender) settled(l lane, h *head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(l, func(o *head) bool { return o == h })
}

// remove forgets events of a lane. Sender.mu must be held.
func (s *Sender) remove(l lane, gone func(*head) bool) {
	q := s.lanes[l]
	q.heads = slices.DeleteFunc(q.heads, func(h *head) bool {
		if gone(h) {
			delete(s.deferred, h)
			return true
		}
		return false
	})
}

// postpone makes an event due at a time. Sender.mu must be held.
func (s *Sender) postpone(l lane, h *head, due time.Time, asked bool) {
	h.due = due
	if !asked && !h.released {
		s.deferred[h] = l
	} else {
		delete(s.deferred, h)
	}
}

// release makes everything due that an outage has put off, because the other side
// has just decided on something. What it has put off itself, by naming a time, stays,
// and so does an event that has failed again after it was released before: that
// is its own fault. Sender.mu must be held.
func (s *Sender) release() {
	for h, l := range s.deferred {
		h.due, h.released = time.Time{}, true
		s.place(l)
	}
	clear(s.deferred)
}

// turn is when an event of a lane is to be tried.
type turn struct {
	lane lane
	head *head
	due  time.Time
}

// turns is a heap.
type turns struct {
	turns  []turn
	before func(a, b turn) bool
}

func (t *turns) Len() int           { return len(t.turns) }
func (t *turns) Less(i, j int) bool { return t.before(t.turns[i], t.turns[j]) }
func (t *turns) Swap(i, j int)      { t.turns[i], t.turns[j] = t.turns[j], t.turns[i] }
func (t *turns) Push(x any)         { t.turns = append(t.turns, x.(turn)) }
func (t *turns) Pop() any {
	last := t.turns[len(t.turns)-1]
	t.turns = t.turns[:len(t.turns)-1]
	return last
}

func byTime(a, b turn) bool { return a.due.Before(b.due) }

func byPhase(a, b turn) bool {
	return a.head.rank > b.head.rank || a.head.rank == b.head.rank && a.head.seq < b.head.seq
}

// Running is a try that is under way.
type Running struct {
	Number uint64
	Job    string
	Kind   contract.EventKind
	Try    uint32
	Since  time.Time
}

// State is what a Sender shows of itself.
type State struct {
	Waiting  []uint64  // block numbers with unsent events, the oldest event first
	Oldest   time.Time // when the oldest unsent event was written; zero without one
	Running  []Running
	Sent     uint64
	Rejected uint64
	Paused   string // why nothing is sent for now
}

// State returns a snapshot.
func (s *Sender) State() State {
	_ = s.refresh() // Run says what is wrong
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state
	state.Running = slices.Clone(state.Running)
	type waiting struct{ seq, number uint64 }
	var all []waiting
	for l, q := range s.lanes {
		if len(q.heads) > 0 && (state.Oldest.IsZero() || q.heads[0].at.Before(state.Oldest)) {
			state.Oldest = q.heads[0].at
		}
		if l.block && len(q.heads) > 0 {
			all = append(all, waiting{q.heads[0].seq, l.number})
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
