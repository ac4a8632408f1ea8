package sdk

import (
	"log/slog"
	"path/filepath"

	"github.com/proofline/proofline/sdk/contract"
)

// Event is one try to report something. Its methods are safe for concurrent use
// until the handler returns.
type Event struct {
	contract.Event
	Log *slog.Logger // names event, kind and block

	space *workspace
	emit  *emitter
}

// OpenEvent is to an Event what OpenTask is to a Task.
func OpenEvent(event contract.Event, log *slog.Logger, emit func(WorkEvent) error) (*Event, error) {
	space, err := openWorkspace(event.Dir, event.Artifacts)
	if err != nil {
		return nil, err
	}
	log = log.With("event", string(event.Kind), "try", event.Try)
	if event.Block != nil {
		log = log.With("job", event.Block.JobID())
	}
	return &Event{Event: event, Log: log, space: space, emit: &emitter{send: emit}}, nil
}

// Close releases what OpenEvent took.
func (e *Event) Close() { e.space.close() }

// Input returns the absolute path of an artifact of the event after comparing its
// size and hash. An absent one is a permanent error that names it.
func (e *Event) Input(name string) (string, error) { return e.space.input(name) }

// ByRole finds the artifact with a role, for example RoleProof, and returns its
// absolute path. The file is checked when it is opened by Input.
func (e *Event) ByRole(role string) (path string, artifact Artifact, ok bool) {
	for _, a := range e.Artifacts {
		if a.Role == role {
			return filepath.Join(e.Dir, filepath.FromSlash(a.Path)), a, true
		}
	}
	return "", Artifact{}, false
}

// Create starts an artifact, such as the body of a request. Defer its Discard.
func (e *Event) Create(name string) (*Output, error) { return e.space.create(name) }

// Adopt makes an artifact of a file that a tool has written below Dir, as Task.Adopt
// does.
func (e *Event) Adopt(path, name string) (Artifact, error) { return e.space.adopt(path, name) }

// Publish hands a committed artifact to the host at once, before the result: it
// is then on record whatever becomes of the call.
func (e *Event) Publish(a Artifact) error {
	if err := e.space.checkOutputs([]Artifact{a}); err != nil {
		return err
	}
	return e.emit.event(WorkEvent{Publish: &a})
}

// Progress shows a sign of life, as Task.Progress does.
func (e *Event) Progress(p Progress) { e.emit.progress(p) }

// Temp returns the directory for scratch files.
func (e *Event) Temp() string { return filepath.Join(e.Dir, tempDir) }
