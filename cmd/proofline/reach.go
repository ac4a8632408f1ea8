package main

import (
	"context"
	"errors"
	"slices"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/pipeline"
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
