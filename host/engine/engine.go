package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/backoff"
	"github.com/proofline/proofline/sdk/contract"
)

// Config describes a pipeline to the engine.
type Config struct {
	Pipeline  string
	Selection selection.Selection
	// Stages are the working stages in the order of the file: the source first, and
	// each behind what it needs.
	Stages    []StageConfig
	Reporters []Reporter
	// Limit is the number of jobs after whose end, done or failed, Run returns; 0 for
	// no limit. No more than Limit jobs are begun.
	Limit int
	// Grace is how long running attempts may go on after Run's context ends. Then they
	// are cut off and queued again.
	Grace time.Duration
	// Announced is called, without locks, after events have been added to the
	// outbox.
	Announced func()
	Log       *slog.Logger
	// Clock gives the time; nil for the clock of the machine.
	Clock Clock
	// Jitter shortens a pause at random by up to 1/part of it; nil for backoff.Jitter.
	Jitter func(pause time.Duration, part int) time.Duration
}

// StageConfig describes one working stage.
type StageConfig struct {
	Name       string
	Kind       contract.Kind
	MakesProof bool
	Needs      []string // earlier stages whose outputs are the inputs of this one; empty for the source
	Confirm    []string // gates that must succeed before the stage announces anything
	// Shadow is true for a stage that is recorded and compared only. The job's end does
	// not depend on it, and nothing about it is reported.
	Shadow bool
	// Sample is the interval at which a shadow takes blocks: one of so many; 0 and 1
	// mean every block.
	Sample uint64
	// Blocks are the blocks that the stage takes. For any other block the stage is
	// skipped, and the stages that need it begin without it.
	Blocks selection.Window
	Verify bool // Worker is a Verifier and its proofs are verified
	// Fingerprint identifies the plugin and the configuration of the stage, see
	// record.Stage.
	Fingerprint string
	Concurrency int           // slots, at least 1
	Retries     int           // failed attempts that are followed by another one
	Backoff     time.Duration // pause after the first failed attempt; it doubles with each further one
	Timeout     time.Duration // of one attempt; 0 for none
	// StuckAfter is how long an attempt of a prover may run before an alert is raised;
	// 0 for no alert.
	StuckAfter time.Duration
	Worker     Worker
}

// Reporter names a reporter stage and the events that it wants.
type Reporter struct {
	Name  string
	Wants []contract.EventKind // the kinds that it receives; none when empty
	// Proofs names the proof stages whose phases it reports; empty for all that are no
	// shadows.
	Proofs []string
	// AllArtifacts is true for a reporter that receives everything that was made for a
	// block, see contract.CapabilityArtifacts.
	AllArtifacts bool
}

// keptRecent is the number of finished jobs that are held in memory. It exceeds the
// depth of any reorg that a source reports, which is 64 blocks.
const keptRecent = 100

// Engine runs the stages of one pipeline.
type Engine struct {
	cfg    Config // as given to New; settings hold the current values of what can change
	store  Store
	files  Files
	log    *slog.Logger
	clock  Clock
	source Source
	stages []*stage

	// settings may be read at any time. They are replaced with Engine.write and
	// Engine.mu held.
	settings atomic.Pointer[Settings]

	// write serialises transitions: it is held while a change is computed from the
	// memory image, committed and applied.
	write lock

	mu           sync.Mutex // guards what follows, and the changing fields of stages
	jobs         map[string]*active
	recent       []*record.Job   // finished jobs, the newest last
	byAge        ageQueue        // the jobs that may be dropped for their age
	publishing   map[string]bool // ids of the jobs that have files to publish or to move aside
	head         uint64          // the newest block that the source has named
	headTime     time.Time       // the block time of head, or when it was first seen
	counts       status.Counts
	commitError  string // why nothing can be recorded
	publishError string // why nothing can be published
	stopping     bool
	changed      chan struct{}   // closed and replaced at every change
	renewed      chan struct{}   // closed and replaced when the settings are replaced, and at the end
	reselected   chan struct{}   // closed and replaced when the selection is replaced
	closing      chan struct{}   // closed when no more blocks are taken in
	endOnce      sync.Once       // guards the closing of limit
	drain        *drain          // nil unless the engine is to end by itself
	permits      map[string]bool // ids of the jobs that a limited run may work on
	finished     []*record.Job   // the jobs of a limited run that are done or failed
	limit        chan struct{}   // closed when the limit is reached, or nothing is left to drain
}

// active is a job that is open, see record.Job.Open.
type active struct {
	rec      *record.Job // replaced, never changed
	attempts map[*stage]*attempt
}

// attempt is a running attempt of one stage at one job. It owns that stage of the
// job's record for as long as it is listed in active.attempts. The changing fields
// are guarded by Engine.mu.
type attempt struct {
	stage       *stage
	job         *active
	number      uint32
	fingerprint string // of the stage when the attempt began
	since       time.Time
	ctx         context.Context
	cancel      context.CancelCauseFunc
	progress    contract.Progress
	stuck       bool
	shared      bool // the plugin died while it ran other attempts, too
	// releaseSlot lets the next attempt of the slot begin. It may be called more than
	// once.
	releaseSlot func()
}

// lock is a mutex that may be held during I/O. A caller can stop waiting for it.
type lock chan struct{}

// take waits for the lock. It returns the cause of ctx's end when ctx ends first.
func (l lock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l lock) release() { <-l }

// New returns an engine that has read its jobs from the store. Jobs that were
// running when the last host ended wait again, also in the store.
func New(cfg Config, store Store, files Files) (*Engine, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = machineClock{}
	}
	if cfg.Jitter == nil {
		cfg.Jitter = backoff.Jitter
	}
	stages, err := link(cfg.Stages)
	if err != nil {
		return nil, err
	}
	source, ok := stages[0].Worker.(Source)
	if !ok {
		return nil, fmt.Errorf("stage %s: its worker is no source", stages[0].Name)
	}
	e := &Engine{
		cfg: cfg, store: store, files: files, log: cfg.Log, clock: cfg.Clock, source: source, stages: stages,
		write: make(lock, 1), byAge: newAgeQueue(),
		jobs: map[string]*active{}, publishing: map[string]bool{}, permits: map[string]bool{},
		changed: make(chan struct{}), renewed: make(chan struct{}), reselected: make(chan struct{}),
		closing: make(chan struct{}), limit: make(chan struct{}),
	}
	e.settings.Store(settingsOf(cfg, stages))
	for _, s := range stages {
		s.queue = newQueue(e.selection())
	}
	return e, e.recover()
}

// Run works until ctx ends, the limit is reached or nothing is left to drain. Then it
// lets running attempts finish for the grace period, which the end of hard cuts
// short, and queues the rest again. An error means that the checkpoint could not be
// written at the end.
func (e *Engine) Run(ctx, hard context.Context) error {
	intake, stopIntake := context.WithCancel(ctx)
	defer stopIntake()
	work, stopWork := context.WithCancelCause(context.WithoutCancel(hard))
	defer stopWork(nil)

	var feeders, workers, publisher sync.WaitGroup
	feeding, stopFeeding := e.feedUntilDrain(intake)
	defer stopFeeding()
	e.start(&feeders, func() { e.whileSelected(feeding, e.followChain) })
	e.start(&feeders, func() { e.whileSelected(feeding, e.takeListed) })
	e.start(&feeders, func() { e.feedRequests(feeding) })
	e.start(&feeders, func() { e.watchTime(intake) })
	e.start(&feeders, func() { e.repair(feeding) })
	published, stopPublisher := context.WithCancel(work)
	defer stopPublisher()
	e.start(&publisher, func() { e.publish(published) })
	// Only this loop starts slots, so that no slot starts after workers.Wait was called.
	for {
		e.mu.Lock()
		renewed := e.renewed
		e.mu.Unlock()
		if ctx.Err() != nil || e.ended() {
			break
		}
		e.startSlots(func(s *stage, slot int) {
			e.start(&workers, func() { e.serve(intake, work, s, slot) })
		})
		e.clock.Wait(ctx, Forever, renewed)
	}
	e.mu.Lock()
	e.stopping = true
	e.broadcast()
	e.mu.Unlock()
	stopIntake()

	idle := make(chan struct{})
	go func() { workers.Wait(); close(idle) }()
	e.clock.Wait(hard, e.cfg.Grace, idle)
	stopWork(errStopping)
	<-idle
	feeders.Wait()
	stopPublisher()
	publisher.Wait()
	if hard.Err() == nil {
		e.publishOnce(context.WithoutCancel(ctx))
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	if e.commitError != "" {
		return fmt.Errorf("the checkpoint could not be written at the end: %s", e.commitError)
	}
	return nil
}

// Causes of a cancelled attempt.
var (
	errStopping = fmt.Errorf("the host is stopping: %w", contract.ErrRequeued)
	errOrphaned = errors.New("orphaned by a reorg")
	errSkipped  = errors.New("skipped by the operator")
	errRefused  = errors.New("a stage that it depends on has failed")
	errRedone   = errors.New("what it works on is made again")
	errTimeout  = errors.New("stopped after its timeout")
	errNotOwned = errors.New("the attempt is over")
)

// Reasons why a stage is skipped.
var (
	errNotTaken  = errors.New("the stage takes other blocks")
	errAddedLate = errors.New("the stage was added when the block was finished")
)

// end makes Run return, once. Engine.mu must be held.
func (e *Engine) end() {
	e.endOnce.Do(func() {
		close(e.limit)
		e.renew()
	})
}

// ended reports whether Run is to return.
func (e *Engine) ended() bool {
	select {
	case <-e.limit:
		return true
	default:
		return false
	}
}

// renew wakes Run. Engine.mu must be held.
func (e *Engine) renew() {
	close(e.renewed)
	e.renewed = make(chan struct{})
}

// broadcast wakes every goroutine that waits for a change. Engine.mu must be held.
func (e *Engine) broadcast() {
	e.settleDrain()
	close(e.changed)
	e.changed = make(chan struct{})
}

// watch returns a channel that is closed at the next change.
func (e *Engine) watch() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}
