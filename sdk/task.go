package sdk

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/wire"
)

// Task is one attempt of one stage for one job. Its methods are safe for
// concurrent use until the handler returns.
type Task struct {
	contract.Task
	Log *slog.Logger // names job and attempt

	space *workspace
	emit  *emitter
}

// OpenTask prepares a task whose directory exists, as the host has it before a
// call. The events that the handler causes go to emit, one at a time. Plugins get
// their tasks from the SDK; tests and tools open them. Close it after use.
func OpenTask(task contract.Task, log *slog.Logger, emit func(WorkEvent) error) (*Task, error) {
	space, err := openWorkspace(task.Dir, task.Inputs)
	if err != nil {
		return nil, err
	}
	return &Task{
		Task: task, Log: log.With("job", task.Job, "attempt", task.Attempt),
		space: space, emit: &emitter{send: emit},
	}, nil
}

// Close releases what OpenTask took.
func (t *Task) Close() { t.space.close() }

// Input returns the absolute path of an input artifact after comparing its size
// and hash, once per task. An absent one is a permanent error that names it.
func (t *Task) Input(name string) (string, error) { return t.space.input(name) }

// HasInput reports whether an earlier stage made the artifact.
func (t *Task) HasInput(name string) bool {
	_, ok := t.space.find(name)
	return ok
}

// Create starts an output artifact. Defer its Discard.
func (t *Task) Create(name string) (*Output, error) { return t.space.create(name) }

// Adopt publishes a file that a tool has written below Dir: hashed, moved to out/name. The
// path is absolute or relative to Dir. Nobody may write to the file any more.
func (t *Task) Adopt(path, name string) (Artifact, error) { return t.space.adopt(path, name) }

// Temp returns the directory for scratch files. It exists and goes away with the
// attempt.
func (t *Task) Temp() string { return filepath.Join(t.Dir, tempDir) }

// Progress shows a sign of life. Calls in quick succession within one phase are
// thinned out, so it may be called for every line of a tool.
func (t *Task) Progress(p Progress) { t.emit.progress(p) }

// SaveResume hands the host a token of at most 4 KiB that comes back as
// ResumeToken in the next attempt if this one does not end well. Call it as soon
// as another service has accepted the work. An empty token drops the stored one.
func (t *Task) SaveResume(token []byte) error {
	if len(token) > wire.MaxResumeToken {
		return fmt.Errorf("resume token of %d bytes, at most %d are allowed", len(token), wire.MaxResumeToken)
	}
	return t.emit.event(WorkEvent{Resume: append([]byte{}, token...)})
}

// progressInterval is the shortest time between two progress events of a phase.
const progressInterval = 200 * time.Millisecond

// emitter serialises the events of one call and thins out progress.
type emitter struct {
	mu    sync.Mutex
	send  func(WorkEvent) error
	err   error // of the first failed send; nothing is sent after it
	ended bool
	phase string
	last  time.Time // of the last progress event
}

func (e *emitter) event(event WorkEvent) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.locked(event)
}

func (e *emitter) locked(event WorkEvent) error {
	if e.ended {
		return fmt.Errorf("event after the end of the call")
	}
	if e.err == nil {
		e.err = e.send(event)
	}
	return e.err
}

func (e *emitter) progress(p Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if p.Phase == e.phase && now.Sub(e.last) < progressInterval {
		return
	}
	e.phase, e.last = p.Phase, now
	// A failed send means that the call is over; its context says so.
	_ = e.locked(WorkEvent{Progress: &p})
}

func (e *emitter) heartbeat() { _ = e.event(WorkEvent{Progress: &Progress{Fraction: -1}}) }

// end makes further events fail and reports whether it was the first to do so.
func (e *emitter) end() (first bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first, e.ended = !e.ended, true
	return first
}
