package outbox

import (
	"cmp"
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
}

func laneOf(e record.Event) lane {
	l := lane{alert: record.Rank(e.Kind) == 0}
	if e.Block != nil {
		l.block, l.chain, l.number = true, e.Block.ChainID, e.Block.Number
	}
	return l
}

// head is what a Sender remembers of an event that waits.
type head struct {
	seq      uint64
	rank     int
	tried    bool
	due      time.Time // the next try
	asked    bool      // the other side has asked for that time
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

func (q *queue) remove(gone func(*head) bool) { q.heads = slices.DeleteFunc(q.heads, gone) }

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
		h := &head{seq: e.Seq, rank: record.Rank(e.Kind), tried: e.Tries > 0}
		if wait := min(e.NotUntil.Sub(now), maxAsked); wait > 0 { // the clock may have been set back since
			h.due = now.Add(wait)
		}
		l := laneOf(e)
		if s.lanes[l] == nil {
			s.lanes[l] = &queue{}
		}
		s.lanes[l].heads = append(s.lanes[l].heads, h)
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
	free := s.cfg.Concurrency - s.busy
	if s.pauses > 0 {
		free = min(free, 1-s.busy) // one is enough to see whether the fault is over
	}
	type candidate struct {
		lane lane
		head *head
	}
	var first []candidate // at most free of them
	order := func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.head.rank, a.head.rank), cmp.Compare(a.head.seq, b.head.seq))
	}
	for l, q := range s.lanes {
		h := q.next()
		if h == nil {
			continue
		}
		if until := h.due.Sub(now); until > 0 {
			wait = min(wait, until)
			continue
		}
		if q.running != nil {
			if until := q.overtake(h, now); until > 0 {
				wait = min(wait, until)
			}
			continue
		}
		c := candidate{l, h}
		if at, _ := slices.BinarySearchFunc(first, c, order); at < free {
			first = slices.Insert(first, at, c)[:min(len(first)+1, free)]
		}
	}
	for _, c := range first {
		tried, cancel := context.WithCancelCause(ctx)
		s.busy++
		s.lanes[c.lane].running = &try{head: c.head, since: now, cancel: cancel}
		due = append(due, func() {
			defer cancel(nil)
			s.try(tried, c.lane, c.head)
			s.end(c.lane)
		})
	}
	return due, wait
}

// overtake cancels the running try of an earlier phase than a due one after
// patience, and returns how long that is from now; 0 where there is nothing to
// wait for.
func (q *queue) overtake(h *head, now time.Time) time.Duration {
	if h.rank <= q.running.head.rank || h.seq <= q.running.head.seq {
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
	s.busy--
	s.lanes[l].running = nil
	if len(s.lanes[l].heads) == 0 {
		delete(s.lanes, l)
	}
	s.mu.Unlock()
	s.Wake()
}

// settled forgets an event that is no longer in the outbox.
func (s *Sender) settled(l lane, h *head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes[l].remove(func(o *head) bool { return o == h })
}

// release makes everything due that an outage has put off, because the other side
// has just decided on something. What it has put off itself, by naming a time, stays,
// and so does an event that has failed again after it was released before: that
// is its own fault. Sender.mu must be held.
func (s *Sender) release() {
	for _, q := range s.lanes {
		for _, h := range q.heads {
			if h.tried && !h.asked && !h.released && !h.due.IsZero() {
				h.due, h.released = time.Time{}, true
			}
		}
	}
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
	Waiting  []uint64 // block numbers with unsent events, the oldest event first
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
