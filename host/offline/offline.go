// Package offline answers commands about a pipeline that no host runs: it shows what
// the checkpoint holds and leaves requests for the next run. It also takes care of
// checkpoints and packs bundles, whether a host runs or not.
package offline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

var _ control.Pipeline = (*Pipeline)(nil)

// Pipeline is a pipeline that no host runs. The checkpoint is open only during a
// call, so that a host can start at any time.
type Pipeline struct {
	pipeline *pipeline.Pipeline
	file     string // the checkpoint that is read
	remove   string // with Close; empty for nothing
}

// Open returns the pipeline's checkpoint for commands. The pipeline need not be
// bound to its plugins.
func Open(p *pipeline.Pipeline) *Pipeline { return &Pipeline{pipeline: p, file: File(p.Data)} }

// Close gives back what Open has taken: nothing but for a copy.
func (o *Pipeline) Close() error {
	if o.remove == "" {
		return nil
	}
	return os.RemoveAll(o.remove)
}

// read calls fn with the checkpoint; where there is none yet, it does not call
// it.
func (o *Pipeline) read(fn func(*checkpoint.Store) error) (err error) {
	store, err := checkpoint.OpenReadOnly(o.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(store)
}

func (o *Pipeline) write(fn func(*checkpoint.Store) error) (err error) {
	store, err := OpenCheckpoint(o.pipeline.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(store)
}

// Report needs the reporters of a running pipeline.
func (o *Pipeline) Report(context.Context, string, string) (int, error) { return 0, errNotRunning }

// Drain needs a running pipeline.
func (o *Pipeline) Drain(context.Context, bool) (int, error) { return 0, control.ErrNotRunning }

// Reload needs a running pipeline.
func (o *Pipeline) Reload(context.Context) (control.Reloaded, error) {
	return control.Reloaded{}, control.ErrNotRunning
}

// Backup copies the checkpoint. That there is none yet is an error.
func (o *Pipeline) Backup(_ context.Context, to string) error {
	path := File(o.pipeline.Data)
	store, err := checkpoint.OpenReadOnly(path)
	if err != nil {
		return missing(path, err)
	}
	return errors.Join(store.Backup(to), store.Close())
}

var errNotRunning = fmt.Errorf("%w: start it first", control.ErrNotRunning)

// OpenCheckpoint opens the checkpoint of a data directory for writing; when another
// host has it, the error is a checkpoint.ErrInUse that names that host.
func OpenCheckpoint(data string) (*checkpoint.Store, error) {
	store, err := checkpoint.Open(File(data))
	if errors.Is(err, checkpoint.ErrInUse) {
		return nil, inUse(data)
	}
	return store, err
}

// inUse says who uses a data directory.
func inUse(data string) error {
	if other, err := control.Find(data); err == nil {
		return contract.Environment(inUseError(fmt.Sprintf("data directory %s is in use by the proofline with pid %d", data, other.PID)),
			"stop it first, or give this pipeline a data directory of its own")
	}
	return contract.Environment(inUseError(fmt.Sprintf("data directory %s is in use by another process", data)),
		"another host, or a command that reads the checkpoint, is at work there: try again in a moment")
}

// inUseError is checkpoint.ErrInUse in other words.
type inUseError string

func (e inUseError) Error() string { return string(e) }
func (e inUseError) Unwrap() error { return checkpoint.ErrInUse }

// File is the checkpoint of a data directory.
func File(data string) string { return filepath.Join(data, "checkpoint.db") }
