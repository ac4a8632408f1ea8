package engine

import (
	"context"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/sdk/contract"
)

// Store makes changes durable. Commit is atomic; after an error nothing of the
// change is on disk.
type Store interface {
	Commit(job.Change) error
	Active() ([]*job.Job, error)
	Recent(limit int) ([]*job.Job, error)
	Job(id string) (*job.Job, error)            // nil where there is none
	ByNumber(number uint64) ([]*job.Job, error) // every fork
	Cursor(stage string) (*job.Cursor, error)
	Requests() ([]job.Request, error)
}

// Files holds the artifacts. Its errors carry a contract class where the machine
// is at fault.
type Files interface {
	Attempt(job, stage string, attempt uint32, inputs []contract.Artifact) (dir string, linked []contract.Artifact, err error)
	Accept(dir string, outputs []contract.Artifact) ([]contract.Artifact, error)
	Publish(number uint64, artifacts []contract.Artifact) error
	Trim(job, stage string, keep uint32) error
	SetAside(contract.Block) error
	Import(job, stage, name, from string) (contract.Artifact, error)
	Discard(dir string) error
}

// Worker is a stage's plugin. It is used by as many goroutines as the stage has
// slots.
type Worker interface {
	// Ready blocks until the plugin can take work, or ctx ends.
	Ready(ctx context.Context) error
	// Do runs one attempt and hands every event to sink, in order, from one
	// goroutine. An error of sink ends the attempt. The death of the plugin is a
	// contract.ClassInterrupted error.
	Do(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error)
}

// Source is the worker of a source stage; its Do fetches.
type Source interface {
	Worker
	Poll(ctx context.Context, request contract.PollRequest) (contract.PollResponse, error)
	Resolve(ctx context.Context, numbers []uint64) ([]contract.Resolution, error)
}

// Verifier is a prover's worker that can check its own proof. The task's inputs
// are those of the attempt and its outputs.
type Verifier interface {
	Verify(ctx context.Context, task contract.Task) error
}

// LogKeeper is a worker that can leave the last lines of its plugin's log in the
// directory of a failed attempt.
type LogKeeper interface {
	KeepLog(dir string) error
}
