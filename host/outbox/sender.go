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

// Limits of the waits between tries.
const (
	minWait       = time.Second
	maxWait       = 15 * time.Minute
	maxRetryAfter = time.Hour // that an error of the reporter may ask for
	// overtakeAfter is how long a try may take while a later phase of its number is due.
	overtakeAfter = 5 * time.Second
)

// errOvertaken is the cause with which overtake cancels a try.
var errOvertaken = errors.New("a later phase of the block is due")

// Store is what a Sender needs of the checkpoint.
type Store interface {
	// OutboxSince returns the events with a higher seq than after, in the order of their
	// writing. When it returns an error it also returns the events that could be read.
	OutboxSince(reporter string, after uint64) ([]record.Event, error)
	// Try records that a try begins and returns the event. It returns false when the
	// event is not in the outbox any more or must not be sent.
	Try(reporter string, seq uint64, now time.Time) (e record.Event, ok bool, err error)
	// Defer records why a try failed and when the next one is due. It does nothing when
	// the event is not in the outbox any more.
	Defer(reporter string, seq uint64, until time.Time, reason string) error
	// Settle removes an event and records its outcome. It does nothing when the event is
	// not in the outbox any more.
	Settle(reporter string, seq uint64, end record.Settlement) error
}

// Files makes the directory of each try and publishes the files that a reporter hands
// out. Package artifact implements it.
type Files interface {
	// Event makes the directory with copies of the inputs, and of those additional files
	// that still exist.
	Event(job, reporter string, seq uint64, try uint32, inputs, additional []contract.Artifact) (dir string, given []contract.Artifact, err error)
	// Accept checks files in the directory; durable waits until they are on the disk.
	Accept(dir string, outputs []contract.Artifact) (accepted []contract.Artifact, durable func() error, err error)
	// Publish copies artifacts to a folder below the output directory.
	Publish(folder string, artifacts []contract.Artifact) error
	// Discard removes the directory.
	Discard(dir string) error
}

// Worker is the plugin of a reporter.
type Worker interface {
	// Ready blocks until the plugin can take work, or ctx ends.
	Ready(ctx context.Context) error
	// Report hands one event to the plugin and passes the files that the plugin publishes
	// to sink.
	Report(ctx context.Context, event contract.Event, sink func(contract.WorkEvent) error) (contract.Result, error)
}

// Config describes a reporter stage.
type Config struct {
	Pipeline string
	Reporter string // the stage's name
	// Concurrency is the number of concurrent tries, at least 1.
	Concurrency int
	Timeout     time.Duration // of one try
	// Folder returns the folder below the output directory to which the files are
	// published that the reporter hands out for a block.
	Folder func(block contract.Block) string
	// Accepted returns the events that announce a delivery to other reporters. It gets
	// the facts of the reporter's answer and the artifacts that the reporter published.
	Accepted func(e record.Event, facts map[string]string, published []contract.Artifact, now time.Time) []record.Event
	// Alerts returns the events that announce a rejection to other reporters.
	Alerts func(e record.Event, reason string, now time.Time) []record.Event
	// Alerted is called after events of Accepted or Alerts were recorded.
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
	read       uint64 // seq of the newest event in lanes; changed with both locks held

	mu       sync.Mutex // guards what follows and the changing fields of cfg
	state    State
	lanes    map[lane]*queue
	busy     map[lane]*queue // the lanes with a try under way
	later    schedule        // of events that are not due yet, by time
	ready    schedule        // of events that are due, by phase
	deferred map[*item]lane  // events that release makes due
	changed  chan struct{}   // closed and replaced by Wake
	paused   time.Time       // when the pause ends; nothing is sent before
	pauses   int             // consecutive pauses; 0 after a success
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
		lanes: map[lane]*queue{}, busy: map[lane]*queue{}, deferred: map[*item]lane{},
		later: schedule{before: byTime}, ready: schedule{before: byPhase}, changed: make(chan struct{}),
	}
}

// Tune changes the number of concurrent tries and the timeout of later tries. Running
// tries go on unchanged.
func (s *Sender) Tune(concurrency int, timeout time.Duration) {
	s.mu.Lock()
	s.cfg.Concurrency, s.cfg.Timeout = max(concurrency, 1), timeout
	s.mu.Unlock()
	s.Wake()
}

// timeout returns the timeout of a try that begins now.
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

// Run delivers events until ctx ends. It returns when the last try has ended.
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
		if err := s.refresh(); err != nil {
			s.cfg.Log.Error("events of the outbox cannot be read", "error", err)
		}
		due, wait := s.begin(ctx, time.Now())
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

// Flush waits until the next event of every lane was tried at least once and no try is
// under way, or until ctx ends. It does not wait for further tries.
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

// idle reports whether no try is under way and no first try is to begin: the sender is
// paused, or the next event of every lane was tried.
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
		if it := q.next(); it != nil && !it.tried {
			return false
		}
	}
	return true
}

// pause stops all deliveries for a while, because the machine or the service behind the
// reporter is at fault. A failure during a pause does not prolong it. pause reports
// whether this is the first pause since a success.
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

// nextTry returns the wait before the next try. It doubles with each try, has jitter,
// and is never shorter than the error asks for, within maxRetryAfter. requested is true
// when the error asks for a wait.
func nextTry(tries uint32, err error) (wait time.Duration, requested bool) {
	wait = backoff.Jitter(backoff.Doubled(minWait, maxWait, tries), 4)
	if e, ok := errors.AsType[*contract.Error](err); ok && e.After > 0 {
		return max(wait, min(e.After, maxRetryAfter)), true
	}
	return wait, false
}
