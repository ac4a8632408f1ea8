package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Config describes a pipeline to the engine.
type Config struct {
	Pipeline  string
	Selection selection.Selection
	// Stages are the source, the builders and the provers in order. The first is
	// the source; at most one makes a proof.
	Stages    []StageConfig
	Reporters []Reporter
	// Limit ends Run after so many jobs are done or failed; 0 for no limit. No
	// other job is begun meanwhile.
	Limit int
	// StuckAfter is how long an attempt of a prover may run before it raises an
	// alert.
	StuckAfter time.Duration
	// Grace is how long running attempts may go on after Run's context ends,
	// before they are cut off and queued again.
	Grace time.Duration
	// Announced is called, without locks, after events have been added to the
	// outbox.
	Announced func()
	Log       *slog.Logger
}

// StageConfig describes one working stage.
type StageConfig struct {
	Name        string
	Kind        contract.Kind
	MakesProof  bool
	Verify      bool // Worker is a Verifier and its proofs are verified
	Fingerprint string
	Concurrency int // slots, at least 1
	Retries     int // attempts after the first that may fail
	Backoff     time.Duration
	Timeout     time.Duration // of one attempt; 0 for none
	Worker      Worker
}

// Reporter names a reporter stage and the events that it wants.
type Reporter struct {
	Name  string
	Wants []contract.EventKind // no others; none where it is empty
}

// Lifetimes of events that could not be delivered.
const (
	phaseLife = 168 * time.Hour // EthProofs still counts a proof that is a week late
	alertLife = time.Hour
)

// keptRecent is how many finished jobs are held in memory. It exceeds the depth
// of any reorg that a source reports (64).
const keptRecent = 100

// Engine runs the stages of one pipeline.
type Engine struct {
	cfg    Config
	store  Store
	files  Files
	log    *slog.Logger
	source Source
	stages []*stage

	// write serialises transitions: it is held while a change is computed from
	// the memory image, committed and applied.
	write turn

	mu       sync.Mutex // guards what follows
	jobs     map[string]*active
	recent   []*job.Job // finished, the newest last
	head     uint64
	counts   status.Counts
	trouble  string
	stopping bool
	changed  chan struct{} // closed and replaced at every change
	permits  map[string]bool
	finished []*job.Job    // of a limited run: done or failed
	limit    chan struct{} // closed when the limit is reached
}

// turn is a lock that may be held for long: during I/O, and while a commit is
// tried again and again. It is a channel so that tests in virtual time see that.
type turn chan struct{}

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }

// stage is a working stage at run time. Its fields are guarded by Engine.mu but
// for the configuration.
type stage struct {
	StageConfig
	index     int
	processed uint64
	failed    uint64
	pause     pause // no attempts
	poll      pause // no polls; the source's
}

// active is a job that is not finished.
type active struct {
	rec *job.Job // replaced, never changed
	// Of a running attempt:
	cancel   context.CancelCauseFunc
	stage    *stage
	attempt  uint32
	since    time.Time
	progress contract.Progress
	stuck    bool
}

// New returns an engine that has read its jobs from the store. Jobs that were
// running when the last host ended are waiting again, in the store too.
func New(cfg Config, store Store, files Files) (*Engine, error) {
	if len(cfg.Stages) == 0 || cfg.Stages[0].Kind != contract.KindSource {
		return nil, errors.New("a pipeline begins with a source")
	}
	source, ok := cfg.Stages[0].Worker.(Source)
	if !ok {
		return nil, fmt.Errorf("stage %s: its worker is no source", cfg.Stages[0].Name)
	}
	e := &Engine{
		cfg: cfg, store: store, files: files, log: cfg.Log, source: source,
		write: make(turn, 1),
		jobs:  map[string]*active{}, permits: map[string]bool{},
		changed: make(chan struct{}), limit: make(chan struct{}),
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	var proof string
	for i, c := range cfg.Stages {
		if c.MakesProof {
			if proof != "" {
				return nil, fmt.Errorf("stages %s and %s both make a proof: a pipeline has one proof stage, run the other in a pipeline of its own", proof, c.Name)
			}
			proof = c.Name
		}
		c.Concurrency = max(c.Concurrency, 1)
		e.stages = append(e.stages, &stage{StageConfig: c, index: i})
	}
	return e, e.recover()
}

// Run works until ctx ends or the limit is reached, then lets running attempts
// finish for the grace period and queues the rest again. Hard cuts the grace
// short. It returns nil after both; an error means that the checkpoint could not
// be written in the end.
func (e *Engine) Run(ctx, hard context.Context) error {
	intake, stopIntake := context.WithCancel(ctx)
	defer stopIntake()
	work, stopWork := context.WithCancelCause(context.WithoutCancel(hard))
	defer stopWork(nil)

	var feeders, workers sync.WaitGroup
	feeders.Go(func() { e.feed(intake) })
	feeders.Go(func() { e.feedRequests(intake) })
	feeders.Go(func() { e.keepHouse(intake) })
	feeders.Go(func() { e.repair(intake) })
	for _, s := range e.stages {
		for range s.Concurrency {
			workers.Go(func() { e.serve(intake, work, s) })
		}
	}

	select {
	case <-ctx.Done():
	case <-e.limit:
	}
	e.mu.Lock()
	e.stopping = true
	e.broadcast()
	e.mu.Unlock()
	stopIntake()

	idle := make(chan struct{})
	go func() { workers.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(e.cfg.Grace):
	case <-hard.Done():
	}
	stopWork(errStopping)
	<-idle
	feeders.Wait()

	e.mu.Lock()
	defer e.mu.Unlock()
	if e.trouble != "" {
		return fmt.Errorf("the checkpoint could not be written at the end: %s", e.trouble)
	}
	return nil
}

// Causes of a cancelled attempt.
var (
	errStopping = fmt.Errorf("the host is stopping: %w", contract.ErrRequeued)
	errOrphaned = errors.New("orphaned by a reorg")
	errSkipped  = errors.New("skipped by the operator")
	errTimeout  = errors.New("stopped after its timeout")
)

// broadcast wakes everybody who waits for a change. Engine.mu must be held.
func (e *Engine) broadcast() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// watch returns a channel that is closed at the next change.
func (e *Engine) watch() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

// commit makes a change durable and then visible. Engine.write must be held. It
// tries until it succeeds or ctx ends, but once at least: while the checkpoint
// cannot be written nothing may go on.
func (e *Engine) commit(ctx context.Context, change job.Change, apply func()) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := e.store.Commit(change)
		e.mu.Lock()
		if err == nil {
			if e.trouble != "" {
				e.log.Info("the checkpoint can be written again")
			}
			e.trouble = ""
			for _, rec := range change.Jobs {
				e.put(rec)
			}
			if apply != nil {
				apply()
			}
			e.broadcast()
			e.mu.Unlock()
			break
		}
		if e.trouble == "" {
			e.log.Error("the checkpoint cannot be written: nothing goes on until it can", "error", err)
		}
		e.trouble = err.Error()
		e.mu.Unlock()
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
	if len(change.Events) > 0 && e.cfg.Announced != nil {
		e.cfg.Announced()
	}
	return nil
}

// put takes a committed record into the memory image. Engine.mu must be held.
func (e *Engine) put(rec *job.Job) {
	a := e.jobs[rec.ID]
	if !rec.State.Finished() {
		if a == nil { // new, or queued again
			a = &active{}
			e.jobs[rec.ID] = a
			e.recent = slices.DeleteFunc(e.recent, func(r *job.Job) bool { return r.ID == rec.ID })
		}
		a.rec = rec
		return
	}
	delete(e.jobs, rec.ID)
	e.recent = append(e.recent, rec)
	if len(e.recent) > keptRecent {
		e.recent = slices.Delete(e.recent, 0, len(e.recent)-keptRecent)
	}
	switch rec.State {
	case status.JobDone:
		e.counts.Done++
	case status.JobFailed:
		e.counts.Failed++
	case status.JobDropped:
		e.counts.Dropped++
	case status.JobCancelled:
		e.counts.Cancelled++
	}
	e.settlePermit(rec)
}

// settlePermit counts a finished job against the limit, or gives the place of a
// cancelled one to another. Engine.mu must be held.
func (e *Engine) settlePermit(rec *job.Job) {
	switch {
	case e.cfg.Limit == 0:
	case rec.State != status.JobDone && rec.State != status.JobFailed:
		delete(e.permits, rec.ID)
	case len(e.finished) < e.cfg.Limit:
		if e.finished = append(e.finished, rec); len(e.finished) == e.cfg.Limit {
			close(e.limit)
		}
	}
}
