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

// Limits of the stream.
const (
	eventLimit   = 256 // events that are kept for readers that join again
	readerBuffer = 64  // events that may wait for one reader before it is dropped
	maxReaders   = 1000
)

// Event is one Change as JSON: the sections of an Overview that have changed. Of the
// lists targets and log it contains only new and changed entries.
type Event struct {
	ID   string // of the form <run>-<number>
	Data []byte // shared by all readers; not to be changed
}

// Errors of a reader.
var (
	ErrSlow    = errors.New("this reader does not keep up with the changes and must join again")
	ErrFull    = errors.New("too many readers follow this pipeline already")
	ErrStopped = errors.New("the host stops")
)

// stream sends events to readers. It never waits for a reader.
type stream struct {
	run string // begins the ids of one run of the host

	mu      sync.Mutex
	last    uint64
	events  []Event // the newest last
	readers map[*Reader]bool
	closed  bool
}

// Reader receives the events of a Model. Next must be called by one goroutine.
type Reader struct {
	stream *stream
	events chan Event
	reason error // why events is closed; set before the close
}

// publish sends an event to every reader. It drops a reader whose buffer is full.
func (s *stream) publish(change any) error {
	data, err := json.Marshal(change)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	e := Event{ID: s.run + "-" + strconv.FormatUint(s.last, 10), Data: data}
	if s.events = append(s.events, e); len(s.events) > eventLimit {
		s.events = append([]Event(nil), s.events[len(s.events)-eventLimit/2:]...)
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

// drop ends a reader. The caller must hold s.mu.
func (s *stream) drop(r *Reader, reason error) {
	if s.readers[r] {
		delete(s.readers, r)
		r.reason = reason
		close(r.events)
	}
}

// join adds a reader. If all events after the id are kept, missed has them, in order.
// Otherwise complete is false, and the reader needs the whole Overview.
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
	r = &Reader{stream: s, events: make(chan Event, readerBuffer)}
	s.readers[r] = true
	return r, missed, complete, nil
}

// since returns the events after an id, and false if they are not all kept. The caller
// must hold s.mu.
func (s *stream) since(after string) ([]Event, bool) {
	text, ours := strings.CutPrefix(after, s.run+"-")
	n, err := strconv.ParseUint(text, 10, 64)
	if !ours || err != nil || n > s.last || s.last-n > uint64(len(s.events)) {
		return nil, false
	}
	return s.events[uint64(len(s.events))-(s.last-n):], true
}

// id returns the id of the last event.
func (s *stream) id() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%s-%d", s.run, s.last)
}

// readerCount returns the number of readers.
func (s *stream) readerCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.readers)
}

// close ends all readers. No reader can join after it.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for r := range s.readers {
		s.drop(r, ErrStopped)
	}
}

// Next waits for the next event. It returns ErrSlow or ErrStopped if the reader was
// ended, and the cause of ctx if ctx ends before.
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
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.stream.drop(r, ErrStopped)
}
