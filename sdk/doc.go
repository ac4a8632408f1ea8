// Package sdk is what a plugin author imports. A plugin is one binary that serves one
// kind of stage: it is a source of blocks, a builder of guest inputs, a prover, or a
// reporter. The package example is a complete plugin, and each of NewSource, NewBuilder,
// NewProver and NewReporter has an example of its own.
//
// # The shape of a plugin
//
// The main function describes the plugin and serves it:
//
//	func main() { sdk.Serve(sdk.NewProver("prover-example", "0.1.0", open)) }
//
// The open function gets the stage's configuration and returns a value with the methods
// of its kind: Source, Builder, Prover or Reporter. The configuration is decoded into the
// author's struct, with defaults filled in and every field checked; package schema
// describes the tags of that struct. Let open return the concrete type, so that the SDK
// sees optional methods. A plugin may have these:
//
//   - on the value: Health(ctx) Health, Note() string, Close() error; on the value of a
//     prover also Verify (see Verifier);
//   - on the config struct: Validate() []Finding, which judges the values alone, and
//     Check(ctx) []Finding, which also examines what they refer to: whether the GPU is
//     there, whether the URL answers. The remedy of a finding is text for an operator. On
//     the config struct of a prover also MakesProof() bool: false makes the prover a gate;
//   - on the config struct, and on the value for what is known only after open:
//     Provides() map[string]string, facts about what the stage hands on, and
//     Requires() map[string][]string, facts that earlier stages must provide, each with
//     the values that this stage can work with. The host compares them before anything
//     runs, so that a pipeline whose stages do not fit together is refused before it costs
//     a block. The names of the facts are the Trait constants.
//
// # Who calls when
//
// One process serves one stage and goes through these states:
//
//	described ─► checked (any number of times) ─► opened ─► working ─► draining ─► closed
//
// While the plugin works, work calls come concurrently, up to the stage's concurrency,
// with health calls between them. A draining plugin refuses new calls and waits for the
// running ones. After a crash the host starts a new process, which finds the files of the
// old one in Env.StateDir.
//
//   - open: once. It may take minutes: load keys here and not in main. Its context ends
//     when it returns; a goroutine that goes on belongs to the value and is ended by Close.
//   - Poll, Resolve: often, concurrently with every other call.
//   - Fetch, Build, Prove, Verify, Report: one call for each attempt.
//   - Health: every few seconds. It answers from memory, within 5 seconds, and may count
//     the calls to the services that the plugin depends on (Endpoint).
//   - Close: once, after the last call has returned.
//
// # What a handler may rely on
//
// The context ends when the host no longer wants the result: the block was orphaned, the
// deadline has passed, or the operator stops the pipeline. A handler then cleans up and
// returns; the host stops the process when the handler has not returned after a grace
// period. The error of a handler that returns for this reason needs no class: the SDK
// makes it an interrupted one. Work that runs in another service must be cancelled there.
//
// As long as the handler runs the SDK sends heartbeats; Task.Progress sends more detail.
// The directory Task.Dir belongs to the attempt alone. Inputs lie in in/ and are never
// written to, outputs are made by Create or Adopt, and scratch files go to Temp. An
// artifact that was committed is complete; one that was not committed does not exist. The
// host syncs the files of a result, and their directories, before it records the result.
//
// Work may be repeated: after a crash the same task comes again with a higher Attempt and
// a new directory. Events are delivered at least once.
//
// # Errors
//
// The text of an error says what failed and names the path or the block, which the caller
// cannot know. The class of an error says what the host does: Permanent gives the block
// up, Retryable (or no class) tries again a limited number of times, Environment pauses
// the stage without spending attempts and shows the operator the remedy, and Interrupted
// queues the work again. A full disk that Create, Commit or Adopt meets is an Environment
// error without the author's doing.
//
// A handler that panics fails its attempt. The process ends afterwards, because its state
// can no longer be trusted.
//
// # Output
//
// Log with Env.Log and Task.Log. What is printed to os.Stdout or os.Stderr also reaches
// the host's log, line by line at debug level. Run tools with package process, which
// makes sure that they do not outlive the plugin. Secrets belong in fields of type
// Secret: those never print, and the SDK removes them from logs and errors.
//
// # By hand
//
// The same binary started by hand is a command-line tool with the commands describe,
// schema, validate, check and run (one task without a host), and with those that the
// option Commands adds. Package sdktest checks that a plugin keeps this contract.
package sdk
