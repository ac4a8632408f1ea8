package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Bounds of the stream.
const (
	keptEvents = 256 // that a reader who comes back can be given
	readerRoom = 64  // events that wait for one reader, before it is dropped
	maxReaders = 1000
)

// Event is one change of the picture: the sections of an Overview that are not as
// before, as JSON. Of lists that grow (targets, log) it holds only what is new or
// changed.
type Event struct {
	ID   string // of the form <run>-<number>
	Data []byte // shared by all readers; not to be changed
}

// Errors of a reader.
var (
	ErrSlow    = errors.New("this reader does not keep up with the changes; it begins anew")
	ErrFull    = errors.New("too many readers follow this pipeline already")
	ErrStopped = errors.New("the host stops")
)

// stream hands events to readers. It never waits for one.
type stream struct {
	run string // sets apart the ids of one run of the host

	mu      sync.Mutex
	last    uint64
	kept    []Event // the newest last
	readers map[*Reader]bool
	closed  bool
}

// Reader follows a Model. Next is called by one goroutine.
type Reader struct {
	of     *stream
	events chan Event
	reason error // why events is closed; set before
}

// publish hands an event to every reader. One that has no room is dropped.
func (s *stream) publish(change any) error {
	data, err := json.Marshal(change)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	e := Event{ID: s.run + "-" + strconv.FormatUint(s.last, 10), Data: data}
	if s.kept = append(s.kept, e); len(s.kept) > keptEvents {
		s.kept = append([]Event(nil), s.kept[len(s.kept)-keptEvents/2:]...)
	}
	for r := range s.readers {
		select {
		case r.events <- e:
		default:
			s.drop(r, ErrSlow)
		}
	}
	return nil
}

// drop ends a reader. stream.mu must be held.
func (s *stream) drop(r *Reader, reason error) {
	if s.readers[r] {
		delete(s.readers, r)
		r.reason = reason
		close(r.events)
	}
}

// join adds a reader. Where the events behind the id after are all kept they are
// returned, in order; else complete is false, and the reader needs the whole
// picture.
func (s *stream) join(after string) (r *Reader, missed []Event, complete bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, nil, false, ErrStopped
	case len(s.readers) >= maxReaders:
		return nil, nil, false, ErrFull
	}
	missed, complete = s.since(after)
	r = &Reader{of: s, events: make(chan Event, readerRoom)}
	s.readers[r] = true
	return r, missed, complete, nil
}

func (s *stream) since(after string) ([]Event, bool) {
	text, ours := strings.CutPrefix(after, s.run+"-")
	n, err := strconv.ParseUint(text, 10, 64)
	if !ours || err != nil || n > s.last || s.last-n > uint64(len(s.kept)) {
		return nil, false
	}
	return s.kept[uint64(len(s.kept))-(s.last-n):], true
}

// id is that of the last event.
func (s *stream) id() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%s-%d", s.run, s.last)
}

// watching is how many readers follow.
func (s *stream) watching() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.readers)
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for r := range s.readers {
		s.drop(r, ErrStopped)
	}
}

// Next waits for the next event. It returns ErrSlow or ErrStopped when the reader
// has come to its end, and the cause when ctx ends first.
func (r *Reader) Next(ctx context.Context) (Event, error) {
	select {
	case e, open := <-r.events:
		if !open {
			return Event{}, r.reason
		}
		return e, nil
	case <-ctx.Done():
		return Event{}, context.Cause(ctx)
	}
}

// Close ends the reader.
func (r *Reader) Close() {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	r.of.drop(r, ErrStopped)
}
