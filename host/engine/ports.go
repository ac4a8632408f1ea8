package engine

import (
	"context"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// Store makes changes durable. Commit is atomic: after an error nothing of the
// change is on disk. Job and Cursor return record.ErrNotFound when there is no such
// record.
type Store interface {
	Commit(record.Change) error
	Active() ([]*record.Job, error)          // the open jobs, see record.Job.Open
	Recent(limit int) ([]*record.Job, error) // the finished jobs, the newest first
	Job(id string) (*record.Job, error)
	ByNumber(number uint64) ([]*record.Job, error) // the jobs of every fork; possibly none
	Cursor(stage string) (*record.Cursor, error)
	Requests() ([]record.Request, error)
}

// Files holds the artifacts. Its errors carry a contract class when the machine is
// at fault.
type Files interface {
	// Attempt makes the directory of an attempt and links its inputs into it.
	Attempt(job, stage string, attempt uint32, inputs []contract.Artifact) (dir string, linked []contract.Artifact, err error)
	// Intact returns an artifact.LostError when an input of an attempt differs from the
	// artifact that was accepted.
	Intact(dir string, linked []contract.Artifact) error
	// Accept checks the outputs of an attempt and begins to write them to the disk. The
	// returned function durable waits until they are on the disk.
	Accept(dir string, outputs []contract.Artifact) (accepted []contract.Artifact, durable func() error, err error)
	// Publish copies artifacts to a directory below the output directory.
	Publish(folder string, artifacts []contract.Artifact) error
	// SetAside renames a folder of the output directory. It does nothing when the
	// folder does not exist.
	SetAside(folder, to string) error
	// Restore returns the artifact if its file exists, else a copy that it makes from
	// the published files in folders.
	Restore(job, stage string, a contract.Artifact, folders ...string) (contract.Artifact, error)
	// Trim removes the directories of a stage's attempts except the kept one.
	Trim(job, stage string, keep uint32) error
	// Import copies a file of the operator and returns it as an artifact of the stage.
	Import(job, stage, name, from string) (contract.Artifact, error)
	// Discard removes a directory that was made for one use, such as a copy of a given
	// input.
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

// Verifier is the worker of a prover that can check its own proof. The task's inputs
// are the inputs and the outputs of the attempt. Events reach sink as in Worker.Do.
type Verifier interface {
	Verify(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) error
}

// LogKeeper is a worker that can leave the last lines of its plugin's log in the
// directory of a failed attempt.
type LogKeeper interface {
	KeepLog(dir string) error
}
