// Package offline executes commands on a pipeline that no host runs. It reads the
// checkpoint of the pipeline and stores requests for the next run in it. It also checks,
// copies and compacts checkpoints, reads the files of attempts, and writes bundles,
// whether a host runs or not.
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

// Pipeline is a pipeline that no host runs. The checkpoint is open only during a call, so
// that a host can start at any time.
type Pipeline struct {
	pipeline *pipeline.Pipeline
	file     string // the checkpoint that is read
	tempDir  string // holds a copy of the checkpoint and is removed by Close; empty without a copy
}

// Open returns a pipeline for commands. It opens nothing. The pipeline need not be bound
// to its plugins.
func Open(p *pipeline.Pipeline) *Pipeline {
	return &Pipeline{pipeline: p, file: CheckpointPath(p.Data)}
}

// Close removes the copy that OpenCopy has made.
func (o *Pipeline) Close() error {
	if o.tempDir == "" {
		return nil
	}
	return os.RemoveAll(o.tempDir)
}

// read calls fn with the checkpoint. It does not call fn when there is no checkpoint yet.
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

// write calls fn with the checkpoint open for writing.
func (o *Pipeline) write(fn func(*checkpoint.Store) error) (err error) {
	store, err := OpenCheckpoint(o.pipeline.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(store)
}

// Report returns an error, because it needs the reporters of a running pipeline.
func (o *Pipeline) Report(context.Context, string, string) (int, error) { return 0, errNotRunning }

// Drain returns an error, because it needs a running pipeline.
func (o *Pipeline) Drain(context.Context, bool) (int, error) { return 0, control.ErrNotRunning }

// Reload returns an error, because it needs a running pipeline.
func (o *Pipeline) Reload(context.Context) (control.Reloaded, error) {
	return control.Reloaded{}, control.ErrNotRunning
}

// Backup copies the checkpoint. It returns an error when there is none yet.
func (o *Pipeline) Backup(_ context.Context, to string) error {
	path := CheckpointPath(o.pipeline.Data)
	store, err := checkpoint.OpenReadOnly(path)
	if err != nil {
		return missing(path, err)
	}
	return errors.Join(store.Backup(to), store.Close())
}

var errNotRunning = fmt.Errorf("%w: start it first", control.ErrNotRunning)

// OpenCheckpoint opens the checkpoint of a data directory for writing. While a host has it
// open, the error is a checkpoint.ErrInUse that names that host.
func OpenCheckpoint(data string) (*checkpoint.Store, error) {
	store, err := checkpoint.Open(CheckpointPath(data))
	if errors.Is(err, checkpoint.ErrInUse) {
		return nil, inUse(data)
	}
	return store, err
}

// inUse returns the error for a data directory that another process uses. It names that
// process if it is a host.
func inUse(data string) error {
	if other, err := control.Find(data); err == nil {
		return contract.Environment(inUseError(fmt.Sprintf("data directory %s is in use by the proofline with pid %d", data, other.PID)),
			"stop it first, or give this pipeline a data directory of its own")
	}
	return contract.Environment(inUseError(fmt.Sprintf("data directory %s is in use by another process", data)),
		"another host, or a command that reads the checkpoint, is at work there: try again in a moment")
}

// inUseError is a checkpoint.ErrInUse with its own text.
type inUseError string

func (e inUseError) Error() string { return string(e) }
func (e inUseError) Unwrap() error { return checkpoint.ErrInUse }

// CheckpointPath returns the path of the checkpoint of a data directory.
func CheckpointPath(data string) string { return filepath.Join(data, "checkpoint.db") }
