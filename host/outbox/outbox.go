// Package outbox delivers events to reporters. Events are written to the
// checkpoint in the transaction that records what they tell of; a Sender takes
// them from there, so that nothing is reported that is not durable, and nothing
// that is durable goes unreported.
//
// Order: events about one block number are delivered in the order of their
// writing, each after the one before it was settled. Different numbers go
// concurrently, proofs first. Every try is recorded before it is made, and a
// phase lower than one that was already tried for the number is never sent.
//
// An event leaves the outbox when the reporter accepts it, when the reporter
// rejects it for good, or when it expires.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/sdk/contract"
)

// Bounds of the back-off between tries.
const (
	minWait = time.Second
	maxWait = 15 * time.Minute
)

// Store is the durable side of the outbox.
type Store interface {
	Outbox(reporter string) ([]job.Event, error)
	Try(reporter string, seq uint64, now time.Time) (e job.Event, ok bool, err error)
	Defer(reporter string, seq uint64, until time.Time, reason string) error
	Settle(reporter string, seq uint64, end job.Settlement) error
}

// Files gives each try a directory and publishes what a reporter hands out.
type Files interface {
	Event(job, reporter string, seq uint64, try uint32, inputs []contract.Artifact) (dir string, linked []contract.Artifact, err error)
	Accept(dir string, outputs []contract.Artifact) ([]contract.Artifact, error)
	Publish(number uint64, artifacts []contract.Artifact) error
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
	// Concurrency is how many block numbers are reported at a time.
	Concurrency int
	Timeout     time.Duration // of one try
	// Accepted returns the events that tell other reporters of a delivery, from
	// the facts that the reporter answered.
	Accepted func(e job.Event, facts map[string]string, now time.Time) []job.Event
	// Alerts returns the events that tell other reporters of a rejection.
	Alerts func(e job.Event, reason string, now time.Time) []job.Event
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

	mu      sync.Mutex
	state   State
	busy    map[string]bool // lanes with a running try
	changed chan struct{}
	paused  time.Time
	pauses  int
}

// State is what a Sender shows of itself.
type State struct {
	Waiting  []uint64 // block numbers with unsent events, the oldest event first
	Running  []Running
	Sent     uint64
	Rejected uint64
	Paused   string // why nothing is sent for now
}

// Running is a try that is under way.
type Running struct {
	Number uint64
	Job    string
	Kind   contract.EventKind
	Try    uint32
	Since  time.Time
}

// New returns a sender; Run makes it work.
func New(cfg Config, store Store, files Files, worker Worker) *Sender {
	cfg.Concurrency = max(cfg.Concurrency, 1)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Sender{cfg: cfg, store: store, files: files, worker: worker, busy: map[string]bool{}, changed: make(chan struct{})}
}

// Wake tells the sender that events were added.
func (s *Sender) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// State returns a snapshot.
func (s *Sender) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state
	state.Waiting, state.Running = slices.Clone(state.Waiting), slices.Clone(state.Running)
	return state
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
		due, wait := s.due(time.Now())
		for _, e := range due {
			tries.Go(func() {
				s.try(ctx, e)
				s.mu.Lock()
				delete(s.busy, lane(e))
				s.mu.Unlock()
				s.Wake()
			})
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
		changed, idle := s.changed, len(s.busy) == 0
		s.mu.Unlock()
		if idle {
			events, err := s.store.Outbox(s.cfg.Reporter)
			if err != nil || !slices.ContainsFunc(events, func(e job.Event) bool { return e.Tries == 0 }) || s.isPaused() {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *Sender) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.paused)
}

// lane names the events that must follow each other: those of one block number.
// Alerts about no block share a lane.
func lane(e job.Event) string {
	if e.Block == nil {
		return "alerts"
	}
	return fmt.Sprintf("%d-%d", e.Block.ChainID, e.Block.Number)
}

// due marks the events to try now as busy and returns them, and how long to wait
// at most before it is worth looking again.
func (s *Sender) due(now time.Time) (due []job.Event, wait time.Duration) {
	wait = time.Minute
	events, err := s.store.Outbox(s.cfg.Reporter)
	if err != nil {
		s.cfg.Log.Error("outbox cannot be read", "stage", s.cfg.Reporter, "error", err)
		return nil, minWait
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	heads := s.heads(events)
	if pause := s.paused.Sub(now); pause > 0 {
		return nil, pause
	}
	slices.SortStableFunc(heads, func(a, b job.Event) int { return job.Rank(b.Kind) - job.Rank(a.Kind) })
	for _, e := range heads {
		if until := e.NotUntil.Sub(now); until > 0 && now.Before(e.Expires) {
			wait = min(wait, until)
			continue
		}
		if len(s.busy) >= s.cfg.Concurrency {
			break
		}
		s.busy[lane(e)] = true
		due = append(due, e)
	}
	return due, wait
}

// heads returns the first event of each lane that is not busy, and updates the
// numbers that wait. Sender.mu must be held.
func (s *Sender) heads(events []job.Event) (heads []job.Event) {
	seen := map[string]bool{}
	s.state.Waiting = s.state.Waiting[:0]
	for _, e := range events {
		l := lane(e)
		if seen[l] {
			continue
		}
		seen[l] = true
		if e.Block != nil {
			s.state.Waiting = append(s.state.Waiting, e.Block.Number)
		}
		if !s.busy[l] {
			heads = append(heads, e)
		}
	}
	return heads
}

// try makes one try of an event and records how it ended.
func (s *Sender) try(ctx context.Context, e job.Event) {
	log := s.cfg.Log.With("stage", s.cfg.Reporter, "event", e.Kind)
	if e.Block != nil {
		log = log.With("block", e.Block.Number)
	}
	now := time.Now()
	if !now.Before(e.Expires) {
		s.record(ctx, log, func() error {
			return s.store.Settle(e.Reporter, e.Seq, job.Settlement{Outcome: job.Expired, Reason: "not delivered in time: " + e.Error, At: now})
		})
		log.Error("event expired undelivered", "tries", e.Tries, "error", e.Error)
		return
	}
	e, ok, err := s.store.Try(e.Reporter, e.Seq, now)
	if err != nil {
		log.Error("try cannot be recorded, so it is not made", "error", err)
		s.pause(err, now)
		return
	}
	if !ok {
		return
	}
	failpoint.Hit(failpoint.Trying)
	s.running(e, true)
	result, err := s.send(ctx, e)
	failpoint.Hit(failpoint.Delivered)
	s.running(e, false)
	if err != nil && ctx.Err() != nil {
		return // tried again after the start
	}
	s.finish(ctx, log, e, result, err)
}

func (s *Sender) finish(ctx context.Context, log *slog.Logger, e job.Event, result contract.Result, err error) {
	now := time.Now()
	class := contract.ClassOf(err)
	switch {
	case err == nil:
		end := job.Settlement{Outcome: job.Sent, Facts: result.Facts, At: now}
		if s.cfg.Accepted != nil {
			end.Causes = s.cfg.Accepted(e, result.Facts, now)
		}
		s.settle(ctx, log, e, end)
		failpoint.Hit(failpoint.Settled)
		s.mu.Lock()
		s.state.Sent++
		s.state.Paused, s.pauses = "", 0
		s.mu.Unlock()
	case class == contract.ClassPermanent:
		end := job.Settlement{Outcome: job.Rejected, Reason: err.Error(), At: now}
		if s.cfg.Alerts != nil {
			end.Causes = s.cfg.Alerts(e, err.Error(), now)
		}
		s.settle(ctx, log, e, end)
		s.mu.Lock()
		s.state.Rejected++
		s.mu.Unlock()
		log.Error("event rejected", "error", err)
	default:
		wait := backoff(e.Tries, err)
		if class == contract.ClassEnvironment {
			s.pause(err, now)
		}
		log.Warn("event not delivered", "try", e.Tries, "again_in", wait.Round(time.Second), "error", err)
		s.record(ctx, log, func() error { return s.store.Defer(e.Reporter, e.Seq, now.Add(wait), err.Error()) })
	}
}

// settle records the end of an event and wakes the reporters that hear of it.
func (s *Sender) settle(ctx context.Context, log *slog.Logger, e job.Event, end job.Settlement) {
	s.record(ctx, log, func() error { return s.store.Settle(e.Reporter, e.Seq, end) })
	if len(end.Causes) > 0 && s.cfg.Alerted != nil {
		s.cfg.Alerted()
	}
}

// record writes an outcome. What cannot be written is made again later: a
// reporter takes every event more than once.
func (s *Sender) record(ctx context.Context, log *slog.Logger, write func() error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := write()
		if err == nil {
			return
		}
		log.Error("outcome of a report cannot be recorded", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// send gives an event to the plugin.
func (s *Sender) send(ctx context.Context, e job.Event) (contract.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	dir, linked, err := s.files.Event(e.Job, e.Reporter, e.Seq, e.Tries, e.Outputs)
	if err != nil {
		return contract.Result{}, err
	}
	defer func() {
		if err := s.files.Discard(dir); err != nil {
			s.cfg.Log.Warn("directory of a report cannot be removed", "stage", s.cfg.Reporter, "error", err)
		}
	}()
	return s.worker.Report(ctx, contract.Event{
		ID: fmt.Sprintf("%s-%d", e.Reporter, e.Seq), Kind: e.Kind, Pipeline: s.cfg.Pipeline, Stage: e.Stage,
		Time: e.At, Block: e.Block, Facts: e.Facts, Artifacts: linked, Dir: dir, Try: e.Tries,
	}, func(event contract.WorkEvent) error {
		if event.Publish == nil || e.Block == nil {
			return nil
		}
		accepted, err := s.files.Accept(dir, []contract.Artifact{*event.Publish})
		if err != nil {
			return err
		}
		return s.files.Publish(e.Block.Number, accepted)
	})
}

// pause stops the whole reporter for a while: its other side is at fault.
func (s *Sender) pause(err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pauses++
	s.paused = now.Add(backoff(uint32(s.pauses), err))
	s.state.Paused = err.Error()
}

func (s *Sender) running(e job.Event, begin bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Running = slices.DeleteFunc(s.state.Running, func(r Running) bool { return r.Job == e.Job && r.Kind == e.Kind })
	if begin && e.Block != nil {
		s.state.Running = append(s.state.Running, Running{Number: e.Block.Number, Job: e.Job, Kind: e.Kind, Try: e.Tries, Since: time.Now()})
	}
}

// backoff is the wait before the next try: doubled each time with jitter, and
// never less than the error asks for.
func backoff(tries uint32, err error) time.Duration {
	d := maxWait
	if shift := tries - 1; tries > 0 && shift < 10 {
		d = min(minWait<<shift, maxWait)
	}
	d -= rand.N(d/4 + 1)
	if e, ok := errors.AsType[*contract.Error](err); ok {
		d = max(d, e.After)
	}
	return d
}
