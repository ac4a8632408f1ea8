package control

import (
	"context"
	"time"

	"github.com/proofline/proofline/host/change"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Pipeline is a pipeline that answers commands: the host that runs it, the Client
// that asks such a host, or the checkpoint of one that does not run (package
// offline). Methods may be called concurrently; their context ends when the command
// goes away.
type Pipeline interface {
	// Snapshot is the state at this instant.
	Snapshot(ctx context.Context) (status.Snapshot, error)
	// Blocks lists jobs, the newest block first.
	Blocks(ctx context.Context, query Query) ([]status.Job, error)
	// ShowBlock returns every job of a block number: after a reorg there are
	// several. An empty answer means that the number is unknown.
	ShowBlock(ctx context.Context, number uint64) ([]status.Job, error)
	// Score is the standing by EthProofs' rules.
	Score(ctx context.Context) (score.Report, error)
	// ScoreRecord is what the standing is made of, for who knows more of what the site
	// counts.
	ScoreRecord(ctx context.Context) (score.Record, error)
	// AddBlocks queues blocks for the whole pipeline, one result per number in
	// the same order. A number that is already there is no error.
	AddBlocks(ctx context.Context, numbers []uint64) ([]status.AddResult, error)
	// ProveBlock queues a block whose guest input exists already.
	ProveBlock(ctx context.Context, given ProveRequest) (status.AddResult, error)
	// Retry queues a job that has ended once more.
	Retry(ctx context.Context, request RetryRequest) error
	// Skip gives an unfinished job up.
	Skip(ctx context.Context, job string) error
	// Report sends the proof of a job once more, to one reporter or to all that
	// tell of it where to is empty. It returns how many reports that are.
	Report(ctx context.Context, job, to string) (int, error)
	// Backup writes a copy of the checkpoint, of one instant, to an absolute path
	// where nothing is. It is durable when the call returns.
	Backup(ctx context.Context, to string) error
	// Drain has the host take in no more blocks and end by itself: when all that it has
	// are finished, or with afterCurrent when those are that are being built or proved or
	// were announced. It returns how many those are.
	Drain(ctx context.Context, afterCurrent bool) (int, error)
	// Reload reads the pipeline file again and applies what can be applied while the
	// pipeline runs.
	Reload(ctx context.Context) (Reloaded, error)
	// Close gives back what the answers needed.
	Close() error
}

// Reloaded says what came of reading the pipeline file again. All three are empty where
// nothing has changed.
type Reloaded struct {
	File    string              `json:"file"`
	Applied []change.Difference `json:"applied"`
	Restart []change.Difference `json:"restart"` // only a restart of the host applies them
	Failed  []Unapplied         `json:"failed"`  // as it was before
}

// Unapplied is a difference that could not be applied.
type Unapplied struct {
	change.Difference
	Error string `json:"error"`
}

// Query narrows a list of jobs. The zero value asks for every job.
type Query struct {
	States []status.JobState // any of these; empty for all
	Limit  int               // at most so many; 0 for no limit
}

// ProveRequest names a block whose guest input exists already.
type ProveRequest struct {
	Number uint64         `json:"number"`
	Hash   *contract.Hash `json:"hash,omitempty"`  // nil: the source resolves it
	Input  string         `json:"input"`           // absolute path of the guest input; it is copied before the call returns
	Stage  string         `json:"stage,omitempty"` // the proof stage that proves it; empty for the first
	// BuildTime is how long it took to make the input, which counts as proving time. 0
	// where that is not known: then the proving time is that of the prover alone.
	BuildTime time.Duration `json:"build_time_ns,omitempty"`
}

// RetryRequest names the part of a finished job that is done once more.
type RetryRequest struct {
	Job string `json:"job"`
	// From is the first stage that is done anew, with everything behind it. Empty
	// for what failed only: what is done counts, and its files are used.
	From string `json:"from,omitempty"`
	// Stage limits it to what this stage needs; empty for every branch.
	Stage string `json:"stage,omitempty"`
}
