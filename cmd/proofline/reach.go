package main

import (
	"context"
	"errors"
	"slices"

	"github.com/proofline/proofline/host"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
)

// reached is a pipeline as commands see it: the host that runs it, through its
// socket, or the checkpoint of one that does not run.
type reached interface {
	Snapshot(ctx context.Context) (status.Snapshot, error)
	Blocks(ctx context.Context, query control.Query) ([]status.Job, error)
	ShowBlock(ctx context.Context, number uint64) ([]status.Job, error)
	Score(ctx context.Context) (score.Report, error)
	AddBlocks(ctx context.Context, numbers []uint64) ([]status.AddResult, error)
	ProveBlock(ctx context.Context, given control.Given) (status.AddResult, error)
	Retry(ctx context.Context, job string) error
	Skip(ctx context.Context, job string) error
	Close() error
}

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
func (c commands) reach(ctx context.Context, file string) (reached, error) {
	p, err := c.load(file)
	if err != nil {
		return nil, err
	}
	running, err := control.Dial(ctx, p.Data)
	if errors.Is(err, control.ErrNotRunning) {
		bind(p) // for the kinds of the stages, as far as the plugins are there
		return host.OpenOffline(p), nil
	}
	if err != nil {
		return nil, err
	}
	return running, nil
}
