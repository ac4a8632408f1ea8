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
	Log *slog.Logger // adds job and attempt to every line

	space *workspace
	emit  *emitter
}

// OpenTask prepares a task whose directory exists and holds the inputs, as the host
// prepares it before a call. The events that the handler causes go to emit, one at a
// time. Plugins get their tasks from the SDK; tests and tools open them. Close the task
// after use.
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

// Close releases the task's directory handle. It removes no file.
func (t *Task) Close() { t.space.close() }

// Input returns the absolute path of an input artifact after comparing its size and hash
// with the recorded ones, once for each name and only where the host has not just done so.
// If no earlier stage made the artifact, the error is permanent and names it. If size or
// hash differ, the error is retryable.
func (t *Task) Input(name string) (string, error) { return t.space.input(name) }

// HasInput reports whether an earlier stage made an artifact of this name.
func (t *Task) HasInput(name string) bool {
	_, ok := t.space.find(name)
	return ok
}

// Create starts an output artifact. The name is one path element of at most 200 bytes that
// does not begin with a dot; another name is a permanent error. Defer Discard of the
// output, and end the writing with Commit.
func (t *Task) Create(name string) (*Output, error) { return t.space.create(name) }

// WriteFile makes an artifact of data, whose name follows the rules of Create.
func (t *Task) WriteFile(name string, data []byte) (Artifact, error) {
	return t.space.writeFile(name, data)
}

// Adopt makes an artifact of a file that a tool has written below Dir: it hashes the file
// and moves it to out/name. The path is absolute or relative to Dir. Nobody may write to
// the file any more. A path that leads out of Dir, and anything but a regular file, is a
// permanent error.
func (t *Task) Adopt(path, name string) (Artifact, error) { return t.space.adopt(path, name) }

// Temp returns the absolute path of the directory for scratch files. It exists, and is
// removed with the attempt.
func (t *Task) Temp() string { return filepath.Join(t.Dir, tempDir) }

// Progress sends a sign of life. Within one phase at most one progress is sent every
// 200 ms and the others are dropped, so it may be called for every line of a tool.
func (t *Task) Progress(p Progress) { t.emit.progress(p) }

// SaveResume sends the host a token of at most 4 KiB, which comes back as ResumeToken in
// the next attempt if this one does not succeed. Call it as soon as another service has
// accepted the work. An empty token deletes the stored one. It fails if the token is too
// long, and after the handler has returned.
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
	err   error // the error of the first failed send; nothing is sent after it
	ended bool
	phase string    // of the last progress event
	last  time.Time // when the last progress event was sent
}

func (e *emitter) event(event WorkEvent) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sendLocked(event)
}

// sendLocked sends an event. The caller holds e.mu.
func (e *emitter) sendLocked(event WorkEvent) error {
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
	// A failed send means that the call is over. The handler learns it from its context.
	_ = e.sendLocked(WorkEvent{Progress: &p})
}

func (e *emitter) heartbeat() { _ = e.event(WorkEvent{Progress: &Progress{Fraction: -1}}) }

// end makes further events fail. It reports whether this was the first call of end.
func (e *emitter) end() (first bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first, e.ended = !e.ended, true
	return first
}
