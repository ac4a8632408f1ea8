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
	Log *slog.Logger // adds the kind of the event, the try and the block's job to every line

	space *workspace
	emit  *emitter
}

// OpenEvent prepares an event whose directory exists. Its artifacts are the inputs, and
// log and emit are used as by OpenTask. Plugins get their events from the SDK; tests and
// tools open them. Close the event after use.
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

// Close releases the event's directory handle. It removes no file.
func (e *Event) Close() { e.space.close() }

// Input returns the absolute path of an artifact of the event after comparing its
// size and hash with the recorded ones. If there is no such artifact, the error is
// permanent and names it.
func (e *Event) Input(name string) (string, error) { return e.space.input(name) }

// ByRole finds the first artifact with a role, for example RoleProof, and returns its
// absolute path. It does not check the file; Input does.
func (e *Event) ByRole(role string) (path string, artifact Artifact, ok bool) {
	for _, a := range e.Artifacts {
		if a.Role == role {
			return filepath.Join(e.Dir, filepath.FromSlash(a.Path)), a, true
		}
	}
	return "", Artifact{}, false
}

// Create starts an artifact, such as the body of a request, as Task.Create does.
func (e *Event) Create(name string) (*Output, error) { return e.space.create(name) }

// WriteFile makes an artifact of data, as Task.WriteFile does.
func (e *Event) WriteFile(name string, data []byte) (Artifact, error) {
	return e.space.writeFile(name, data)
}

// Adopt makes an artifact of a file that a tool has written below Dir, as Task.Adopt
// does.
func (e *Event) Adopt(path, name string) (Artifact, error) { return e.space.adopt(path, name) }

// Publish hands a committed artifact to the host at once, before the result, so that
// the host has a copy however the call ends. It fails if the artifact does not lie in
// out/ with the claimed size, and after the handler has returned.
func (e *Event) Publish(a Artifact) error {
	if err := e.space.checkOutputs([]Artifact{a}); err != nil {
		return err
	}
	return e.emit.event(WorkEvent{Publish: &a})
}

// Progress sends a sign of life, as Task.Progress does.
func (e *Event) Progress(p Progress) { e.emit.progress(p) }

// Temp returns the absolute path of the directory for scratch files.
func (e *Event) Temp() string { return filepath.Join(e.Dir, tempDir) }
