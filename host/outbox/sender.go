package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/backoff"
	"github.com/proofline/proofline/sdk/contract"
)

// Bounds of the waits between tries.
const (
	minWait  = time.Second
	maxWait  = 15 * time.Minute
	maxAsked = time.Hour // whatever the other side asks for
	// patience is how long an earlier phase may go on trying while a later one of
	// its number is due.
	patience = 5 * time.Second
)

var errOvertaken = errors.New("a later phase of the block is due")

// Store is the durable side of the outbox. An event that is not there any more is
// no error: Defer and Settle do nothing then.
type Store interface {
	// OutboxSince returns the events after a seq, in the order of their writing,
	// and beside an error those that could be read.
	OutboxSince(reporter string, after uint64) ([]record.Event, error)
	Try(reporter string, seq uint64, now time.Time) (e record.Event, ok bool, err error)
	Defer(reporter string, seq uint64, until time.Time, reason string) error
	Settle(reporter string, seq uint64, end record.Settlement) error
}

// Files gives each try a directory and publishes what a reporter hands out.
type Files interface {
	// Event makes the directory with the inputs, and what is still there of beside.
	Event(job, reporter string, seq uint64, try uint32, inputs, beside []contract.Artifact) (dir string, given []contract.Artifact, err error)
	Accept(dir string, outputs []contract.Artifact) (accepted []contract.Artifact, durable func() error, err error)
	// Publish copies artifacts to a folder below the output directory.
	Publish(folder string, artifacts []contract.Artifact) error
	Discard(dir string) error
}

// Worker is a reporter's plugin.
type Worker interface {
	// Ready blocks until the plugin can take work, or ctx ends.
	Ready(ctx context.Context) error
	// Report gives one event to the plugin and hands what it publishes to sink.
	Report(ctx context.Context, event contract.Event, sink func(contract.WorkEvent) error) (contract.Result, error)
}

// Config describes a reporter stage.
type Config struct {
	Pipeline string
	Reporter string // the stage's name
	// Concurrency is how many tries are made at a time.
	Concurrency int
	Timeout     time.Duration // of one try
	// Folder is where, below the output directory, what the reporter hands out
	// about a block is published.
	Folder func(block contract.Block) string
	// Accepted returns the events that tell other reporters of a delivery, from
	// the facts that the reporter answered, and what it has published on the way.
	Accepted func(e record.Event, facts map[string]string, published []contract.Artifact, now time.Time) []record.Event
	// Alerts returns the events that tell other reporters of a rejection.
	Alerts func(e record.Event, reason string, now time.Time) []record.Event
	// Alerted is called after events of either kind were recorded.
	Alerted func()
	Log     *slog.Logger
}

// Sender delivers the events of one reporter.
type Sender struct {
	cfg    Config
	store  Store
	files  Files
	worker Worker

	refreshing sync.Mutex
	read       uint64 // seq of the newest event in lanes; changed under both locks

	mu       sync.Mutex
	state    State
	lanes    map[lane]*queue
	busy     map[lane]*queue // of lanes: those with a try under way
	later    turns           // by their time
	ready    turns           // due; by phase
	deferred map[*head]lane  // put off, but not because the other side asked for it
	changed  chan struct{}
	paused   time.Time // until then nothing is sent
	pauses   int       // in a row; 0 when all is well
}

// New returns a sender; Run makes it work.
func New(cfg Config, store Store, files Files, worker Worker) *Sender {
	cfg.Concurrency = max(cfg.Concurrency, 1)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("stage", cfg.Reporter)
	return &Sender{
		cfg: cfg, store: store, files: files, worker: worker,
		lanes: map[lane]*queue{}, busy: map[lane]*queue{}, deferred: map[*head]lane{},
		later: turns{before: byTime}, ready: turns{before: byPhase}, changed: make(chan struct{}),
	}
}

// Tune changes how many tries are made at a time, and how long one may take; those that
// run go on as they are.
func (s *Sender) Tune(concurrency int, timeout time.Duration) {
	s.mu.Lock()
	s.cfg.Concurrency, s.cfg.Timeout = max(concurrency, 1), timeout
	s.mu.Unlock()
	s.Wake()
}

// timeout is how long a try may take that begins now.
func (s *Sender) timeout() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Timeout
}

// Wake tells the sender that events were added.
func (s *Sender) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Run delivers until ctx ends, and returns when the last try has ended.
func (s *Sender) Run(ctx context.Context) {
	var tries sync.WaitGroup
	defer tries.Wait()
	for ctx.Err() == nil {
		if s.worker.Ready(ctx) != nil {
			return
		}
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		unread := s.refresh()
		due, wait := s.begin(ctx, time.Now())
		if unread != nil {
			s.cfg.Log.Error("events of the outbox cannot be read", "error", unread)
		}
		for _, try := range due {
			tries.Go(try)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(wait):
		}
	}
}

// Flush waits until every event that is due was tried and none is under way, or
// ctx ends. Events that wait for a later try do not hold it up.
func (s *Sender) Flush(ctx context.Context) {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if s.refresh() != nil || s.idle(time.Now()) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// idle reports whether nothing is under way, and everything was tried or must
// wait.
func (s *Sender) idle(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.busy) > 0 {
		return false
	}
	if now.Before(s.paused) {
		return true
	}
	for _, q := range s.lanes {
		if h := q.next(); h != nil && !h.tried {
			return false
		}
	}
	return true
}

// pause stops the whole reporter for a while: its other side or the machine is at
// fault. What fails while it is paused does not make the pause longer. It reports
// whether this is news.
func (s *Sender) pause(err error, now time.Time) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.paused) {
		return false
	}
	s.pauses++
	wait, _ := nextTry(uint32(s.pauses), err)
	s.paused = now.Add(wait)
	s.state.Paused = err.Error()
	return s.pauses == 1
}

// nextTry is the wait before the next try: doubled each time with jitter, and
// never less than the error asks for, up to a limit.
func nextTry(tries uint32, err error) (wait time.Duration, asked bool) {
	wait = backoff.Jitter(backoff.Doubled(minWait, maxWait, tries), 4)
	if e, ok := errors.AsType[*contract.Error](err); ok && e.After > 0 {
		return max(wait, min(e.After, maxAsked)), true
	}
	return wait, false
}
