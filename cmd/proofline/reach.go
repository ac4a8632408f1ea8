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

// load reads a pipeline file for a command that needs only the data directory. Other
// faults of the file are ignored, such as variables of stages that are not set.
func (c commands) load(file string) (*pipeline.Pipeline, error) {
	p, findings := pipeline.Load(file, c.LookupEnv)
	findings = slices.DeleteFunc(findings, func(f pipeline.Finding) bool { return p != nil && f.Path != "data" })
	if findings.Failed() {
		return nil, findings.Error()
	}
	return p, nil
}

// reach connects to the host that runs the pipeline of a file, or opens its checkpoint if
// no host runs. The caller closes the result.
func (c commands) reach(ctx context.Context, file string) (control.Pipeline, error) {
	p, err := c.load(file)
	if err != nil {
		return nil, err
	}
	running, err := control.Dial(ctx, p.Data)
	if errors.Is(err, control.ErrNotRunning) {
		bind(p) // for the kinds of the stages whose plugins are installed
		return offline.Open(p), nil
	}
	if err != nil {
		return nil, err
	}
	return running, nil
}

// reachReading is reach for a command that changes nothing. If the host does not answer,
// it opens a copy of the checkpoint and prints a message about that.
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
	return checkpointView{known, silent.PID}, nil
}

// checkpointView is the checkpoint of a host that does not answer.
type checkpointView struct {
	*offline.Pipeline
	pid int
}

// Snapshot returns the content of the checkpoint, with a message about the host that does
// not answer.
func (f checkpointView) Snapshot(ctx context.Context) (status.Snapshot, error) {
	snap, err := f.Pipeline.Snapshot(ctx)
	snap.Trouble = fmt.Sprintf("the host (pid %d) does not answer: this is what its checkpoint holds", f.pid)
	return snap, err
}
