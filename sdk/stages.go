package sdk

import (
	"context"
	"log/slog"
)

// Env is the environment of a plugin, which open gets.
type Env struct {
	Pipeline string // the pipeline's name
	Stage    string // the stage's name in the pipeline file
	// StateDir is the absolute path of a directory that exists, is private to the stage
	// (mode 0700) and survives restarts. Two processes never use it at the same time.
	StateDir string
	// Log writes to the host's log under the stage's name. Secrets of the config
	// are removed from every line. It is safe for concurrent use.
	Log *slog.Logger
}

// Source finds target blocks and fetches their data. Poll and Resolve may run
// concurrently with each other and with any number of Fetch calls.
type Source interface {
	// Poll returns new targets after the cursor, in ascending order. It waits up to
	// request.Wait for the first one and answers without blocks after that time. The host
	// may repeat a poll with any cursor that it was given before.
	Poll(ctx context.Context, request PollRequest) (PollResponse, error)
	// Resolve answers each number, in the order of the numbers, without moving any
	// cursor. A number without a block is an answer with a reason, not an error.
	Resolve(ctx context.Context, numbers []uint64) ([]Resolution, error)
	// Fetch makes the artifacts ArtifactBlock and ArtifactWitness of the task's block.
	Fetch(ctx context.Context, task *Task) (*Result, error)
}

// Builder makes guest inputs. Calls may run concurrently.
type Builder interface {
	// Build makes the artifact ArtifactInput from the block and its witness.
	Build(ctx context.Context, task *Task) (*Result, error)
}

// Prover proves guest inputs. Calls run concurrently if the stage's concurrency is
// above 1.
//
// A prover whose config struct has a method MakesProof() bool that returns false is a
// gate: it checks the block, and a stage that needs it starts only after it has succeeded.
type Prover interface {
	// Prove makes the proof, an output with RoleProof; a gate makes none.
	Prove(ctx context.Context, task *Task) (*Result, error)
}

// Verifier is an optional interface of a prover that can check a proof.
type Verifier interface {
	// Verify checks the proof of an attempt. The task's inputs are the inputs and the
	// outputs of that attempt. A proof that is not valid is a permanent error. The next
	// block's Prove may run at the same time.
	Verify(ctx context.Context, task *Task) error
}

// Reporter reports events, of the kinds that it wants, to a service or to people. Calls
// about different blocks run concurrently.
type Reporter interface {
	// Report reports one event. It may be called again with an event that an earlier
	// call has already delivered; Event.Try counts the calls. The result may be nil.
	Report(ctx context.Context, event *Event) (*Result, error)
}

// Optional methods of a plugin value of any kind.
type (
	// healther answers at once, from memory. It is called every few seconds.
	healther interface {
		Health(ctx context.Context) Health
	}
	// noter returns one sentence for the operator, which is printed at start.
	noter interface{ Note() string }
	// closer is called once, after the last call has returned.
	closer interface{ Close() error }
)

// Optional methods of both a config struct and a plugin value. The opened value may add
// facts to those of the config, but must not change or remove any.
type (
	// provider returns facts about what the stage hands on, by the names of
	// contract.Traits. A fact with an empty value is not known and is left out.
	provider interface{ Provides() map[string]string }
	// requirer returns the facts that earlier stages must provide, each with the
	// values that this stage can work with. A fact with an empty list is left out.
	requirer interface{ Requires() map[string][]string }
)

// Optional methods of a config struct or of a pointer to it.
type (
	// validator judges the decoded values alone.
	validator interface{ Validate() []Finding }
	// checker judges what the values refer to: files, devices, services.
	checker interface {
		Check(ctx context.Context) []Finding
	}
	// gate reports whether the results of a prover are proofs.
	gate interface{ MakesProof() bool }
)
