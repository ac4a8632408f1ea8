package sdk

import (
	"context"
	"log/slog"
)

// Env is what a plugin is told about its place when it is opened.
type Env struct {
	Pipeline string // the pipeline's name
	Stage    string // the stage's name in the pipeline file
	// StateDir is absolute, exists, is private to the stage and survives
	// restarts. Two processes never use it at the same time.
	StateDir string
	// Log goes to the host's log under the stage's name. Secrets of the config
	// are removed from every line.
	Log *slog.Logger
}

// Source finds target blocks and fetches their data. Poll and Resolve may run
// concurrently with each other and with any number of Fetch calls.
type Source interface {
	// Poll returns new targets after the cursor, waiting up to Wait for the first
	// one. It may be repeated with any cursor handed out before.
	Poll(ctx context.Context, request PollRequest) (PollResponse, error)
	// Resolve answers each number in order, without moving any cursor.
	Resolve(ctx context.Context, numbers []uint64) ([]Resolution, error)
	// Fetch writes the task's block and witness.
	Fetch(ctx context.Context, task *Task) (*Result, error)
}

// Builder makes guest inputs. Calls may run concurrently.
type Builder interface {
	Build(ctx context.Context, task *Task) (*Result, error)
}

// Prover proves guest inputs. Calls may run concurrently if the stage's
// concurrency says so.
//
// A prover whose config struct has MakesProof() bool, returning false, is a gate:
// it checks, and what needs it starts only after it has succeeded.
type Prover interface {
	Prove(ctx context.Context, task *Task) (*Result, error)
}

// Verifier is what a prover may also be: able to check a proof. The task's inputs
// are those of the attempt and its outputs. A proof that is not valid is a
// permanent error. The next block's Prove may run beside Verify.
type Verifier interface {
	Verify(ctx context.Context, task *Task) error
}

// Reporter tells the world about events, of the kinds that it wants. A call may be repeated with the same
// event after the other side has already heard of it. Calls about different
// blocks run concurrently.
type Reporter interface {
	Report(ctx context.Context, event *Event) (*Result, error)
}

// What a plugin value of any kind may also have.
type (
	// healther answers at once, from memory; called every few seconds.
	healther interface {
		Health(ctx context.Context) Health
	}
	// noter says one sentence to the operator at start.
	noter interface{ Note() string }
	// closer is called once, after the last call has returned.
	closer interface{ Close() error }
)

// What both a config struct and a plugin value may have: the opened value adds what
// it has found out to what the config tells, and takes nothing back.
type (
	// provider tells facts about what the stage hands on, by the names of
	// contract.Traits. An empty value stands for what is not known.
	provider interface{ Provides() map[string]string }
	// requirer tells the facts that the stages before must provide, each with the
	// values that this one can work with. An empty list asks for nothing.
	requirer interface{ Requires() map[string][]string }
)

// What a config struct, or a pointer to it, may also have.
type (
	// validator judges the decoded values alone.
	validator interface{ Validate() []Finding }
	// checker judges what they refer to: files, devices, services.
	checker interface {
		Check(ctx context.Context) []Finding
	}
	// gate tells whether the results of a prover are proofs.
	gate interface{ MakesProof() bool }
)
