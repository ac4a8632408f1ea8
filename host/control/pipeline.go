package control

import (
	"context"
	"time"

	"github.com/proofline/proofline/host/change"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Pipeline executes the commands on a pipeline. The host that runs the pipeline
// implements it, the Client of such a host, and package offline for a pipeline that does
// not run. Methods may be called concurrently. Their context ends when the command ends.
type Pipeline interface {
	// Snapshot returns the state at this instant.
	Snapshot(ctx context.Context) (status.Snapshot, error)
	// Blocks returns jobs, the newest block first.
	Blocks(ctx context.Context, query Query) ([]status.Job, error)
	// ShowBlock returns every job of a block number. There are several after a reorg, and
	// none when the number is not known.
	ShowBlock(ctx context.Context, number uint64) ([]status.Job, error)
	// Score returns the score by the rules of EthProofs.
	Score(ctx context.Context) (score.Report, error)
	// ScoreRecord returns the record from which the score is computed. A caller can add a
	// score.Site to it.
	ScoreRecord(ctx context.Context) (score.Record, error)
	// AddBlocks queues blocks for the whole pipeline. It returns one result for each
	// number, in the same order. A number that has a job already is no error.
	AddBlocks(ctx context.Context, numbers []uint64) ([]status.AddResult, error)
	// ProveBlock queues a block whose guest input exists already.
	ProveBlock(ctx context.Context, request ProveRequest) (status.AddResult, error)
	// Retry queues a finished job again.
	Retry(ctx context.Context, request RetryRequest) error
	// Skip cancels an unfinished job.
	Skip(ctx context.Context, job string) error
	// Report sends the proofs of a job once more: to the named reporter, or to all
	// reporters of the proofs when the name is empty. It returns the number of events.
	Report(ctx context.Context, job, reporter string) (int, error)
	// Backup writes a copy of the checkpoint as of one instant to an absolute path at
	// which no file exists. The copy is durable when Backup returns.
	Backup(ctx context.Context, to string) error
	// Drain makes the host take in no more blocks and end when its blocks are finished.
	// With afterCurrent it waits only for the blocks that are being built or proved or that
	// were announced. It returns the number of blocks that it waits for.
	Drain(ctx context.Context, afterCurrent bool) (int, error)
	// Reload reads the pipeline file again and applies what can be applied while the
	// pipeline runs.
	Reload(ctx context.Context) (Reloaded, error)
	// Close releases the resources of the pipeline.
	Close() error
}

// Reloaded is the result of reading the pipeline file again. The lists are empty when
// nothing has changed.
type Reloaded struct {
	File    string              `json:"file"`
	Applied []change.Difference `json:"applied"`
	Restart []change.Difference `json:"restart"` // only a restart of the host applies them
	Failed  []Unapplied         `json:"failed"`  // the host keeps the old values
}

// Unapplied is a difference that could not be applied.
type Unapplied struct {
	change.Difference
	Error string `json:"error"`
}

// Query selects the jobs of a list. The zero value selects every job.
type Query struct {
	States []status.JobState // any of these; empty for all
	Limit  int               // largest number of jobs; 0 for no limit
}

// ProveRequest names a block whose guest input exists already.
type ProveRequest struct {
	Number uint64         `json:"number"`
	Hash   *contract.Hash `json:"hash,omitempty"`  // nil to ask the source
	Input  string         `json:"input"`           // absolute path of the guest input; it is copied before the call returns
	Stage  string         `json:"stage,omitempty"` // the proof stage that proves it; empty for the first that takes the block
	// BuildTime is how long it took to make the input. It counts as proving time. 0 means
	// that it is not known; then only the time of the prover counts.
	BuildTime time.Duration `json:"build_time_ns,omitempty"`
}

// RetryRequest names the part of a finished job that is done once more.
type RetryRequest struct {
	Job string `json:"job"`
	// From is the first stage that is done anew, with every stage behind it. When it is
	// empty only the failed stages are done anew, and the results of the others are used.
	From string `json:"from,omitempty"`
	// Stage limits a retry to this stage and the stages that it needs; empty for all.
	Stage string `json:"stage,omitempty"`
}
