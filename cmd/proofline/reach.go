package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/status"
)

// load reads a pipeline file for a command to which only the data directory
// matters: variables that only the stages need may be unset.
func (c commands) load(file string) (*pipeline.Pipeline, error) {
	p, findings := pipeline.Load(file, c.LookupEnv)
	findings = slices.DeleteFunc(findings, func(f pipeline.Finding) bool { return p != nil && f.Path != "data" })
	if findings.Failed() {
		return nil, findings.Error()
	}
	return p, nil
}

// reach finds the host that runs the pipeline of a file, or the checkpoint where
// none does.
func (c commands) reach(ctx context.Context, file string) (control.Pipeline, error) {
	p, err := c.load(file)
	if err != nil {
		return nil, err
	}
	running, err := control.Dial(ctx, p.Data)
	if errors.Is(err, control.ErrNotRunning) {
		bind(p) // for the kinds of the stages, as far as the plugins are there
		return offline.Open(p), nil
	}
	if err != nil {
		return nil, err
	}
	return running, nil
}

// reachReading is reach for a command that changes nothing: of a host that does not
// answer it shows what the checkpoint holds, and says so.
func (c commands) reachReading(ctx context.Context, file string) (control.Pipeline, error) {
	running, err := c.reach(ctx, file)
	silent, ok := errors.AsType[*control.SilentError](err)
	if !ok {
		return running, err
	}
	p, failed := c.load(file)
	if failed != nil {
		return nil, failed
	}
	bind(p)
	known, failed := offline.OpenCopy(p)
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	fmt.Fprintf(c.Stderr, "proofline: %v; what follows is from its checkpoint\n", err)
	return frozen{known, silent.PID}, nil
}

// frozen is the checkpoint of a host that does not answer.
type frozen struct {
	*offline.Pipeline
	pid int
}

// Snapshot is what the checkpoint holds, with the process that does not answer.
func (f frozen) Snapshot(ctx context.Context) (status.Snapshot, error) {
	snap, err := f.Pipeline.Snapshot(ctx)
	snap.Trouble = fmt.Sprintf("the host (pid %d) does not answer: this is what its checkpoint holds", f.pid)
	return snap, err
}
