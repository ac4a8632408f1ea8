package control

import (
	"context"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Handler is what a host offers to commands. Methods are called concurrently;
// their context ends when the command goes away.
type Handler interface {
	// Snapshot is the state at this instant.
	Snapshot() status.Snapshot
	// Blocks lists jobs, the newest block first.
	Blocks(ctx context.Context, query Query) ([]status.Job, error)
	// ShowBlock returns every job of a block number: after a reorg there are
	// several. An empty answer means that the number is unknown.
	ShowBlock(ctx context.Context, number uint64) ([]status.Job, error)
	// Score is the standing by EthProofs' rules.
	Score(ctx context.Context) (score.Report, error)
	// AddBlocks queues blocks for the whole pipeline, one result per number in
	// the same order. A number that is already there is no error.
	AddBlocks(ctx context.Context, numbers []uint64) ([]status.AddResult, error)
	// ProveBlock queues a block whose guest input exists already.
	ProveBlock(ctx context.Context, given Given) (status.AddResult, error)
	// Retry queues a job that failed, was dropped or cancelled once more.
	Retry(ctx context.Context, job string) error
	// Skip gives an unfinished job up.
	Skip(ctx context.Context, job string) error
	// Backup writes a copy of the checkpoint, of one instant, to an absolute path
	// where nothing is. It is durable when the call returns.
	Backup(ctx context.Context, to string) error
}

// Query narrows a list of jobs. The zero value asks for every job.
type Query struct {
	States []status.JobState // any of these; empty for all
	Limit  int               // at most so many; 0 for no limit
}

// Given is a block whose guest input exists already.
type Given struct {
	Number uint64         `json:"number"`
	Hash   *contract.Hash `json:"hash,omitempty"` // nil: the source resolves it
	Input  string         `json:"input"`          // absolute path of the guest input; it is copied before the call returns
}
