// Package sdk is what a plugin author imports. A plugin is one binary that does
// one kind of stage: it is a source of blocks, a builder of guest inputs, a
// prover, or a reporter. The Example is a complete one.
//
// # The shape of a plugin
//
// The main function describes the plugin and serves it:
//
//	func main() { sdk.Serve(sdk.NewProver("prover-example", "0.1.0", open)) }
//
// The open function gets a configuration, decoded into the author's struct with
// defaults filled in and everything checked (see package schema for the tags), and
// returns a value with the methods of its kind: Source, Builder, Prover or
// Reporter. Let it return the concrete type, so that optional methods such as
// Verify are seen. Everything else is optional, and found by method:
//
//   - on the value: Health(ctx) Health, Note() string, Close() error; for a
//     prover Verify (see Verifier);
//   - on the config struct: Validate() []Finding, which judges the values alone,
//     and Check(ctx) []Finding, which looks at what they refer to: is the GPU
//     there, does the URL answer. Remedies are words for an operator. For a prover
//     MakesProof() bool: false makes it a gate;
//   - on the config struct, and on the value for what is known only then:
//     Provides() map[string]string, facts about what the stage hands on, and
//     Requires() map[string][]string, facts that earlier stages must provide with
//     the values that this one can work with. The host compares them before
//     anything runs, so that a pipeline whose stages do not fit together is
//     refused and burns no block. The names are the Trait constants.//
//
// # Who calls when
//
// One process serves one stage. It is described and may be checked any number of
// times, then opened once; then come work calls, concurrently up to the stage's
// concurrency, with health calls between them; then it is drained: no new work,
// running calls end, Close. A process that was killed is started anew, and finds
// what it left in Env.StateDir.
//
//   - open: once. It may take long: loading keys belongs here, not into main.
//     Its context ends when it returns; what runs on belongs to the value and is
//     ended by Close.
//   - Poll, Resolve: often, concurrently with everything.
//   - Fetch, Build, Prove, Verify, Report: one call for each attempt.
//   - Health: every few seconds. It answers from memory, within 5 seconds, and may
//     count the calls to services that the plugin depends on (Endpoint).
//   - Close: once, after the last call has returned.
//
// # What a handler may rely on
//
// The context ends when the host no longer wants the result: the block was
// orphaned, the time is up, the operator stops. A handler then cleans up and
// returns; the host waits a grace period for it before it stops the process. A
// handler that returns early because of it need not give the error a class: the
// SDK calls it interrupted. What runs in another service must be cancelled there.
//
// As long as the handler runs the SDK sends heartbeats; Task.Progress shows more.
// The directory Task.Dir belongs to the attempt alone: inputs lie in in/ and are
// never written to, outputs are made by Create or Adopt, scratch files go to Temp.
// An artifact that was committed is complete; one that was not does not exist. The host
// syncs the files of a result, and the directories that they lie in, before it records it.
//
// Work may be repeated: after a crash the same task comes again with a higher
// Attempt and a new directory. Events come at least once.
//
// # Errors
//
// An error says what failed, with the path or block that the caller cannot know.
// Its class says what the host does: Permanent gives the block up, Retryable (or
// no class) tries again a limited number of times, Environment pauses the stage
// without spending attempts and shows the operator the remedy, Interrupted queues
// the work again. A full disk is an Environment error by itself when it is met in
// Create, Commit or Adopt.
//
// A panic is answered as a failed attempt; then the process ends, since its state
// is suspect.
//
// # Output
//
// Log with Env.Log and Task.Log. What is printed to os.Stdout or os.Stderr reaches
// the host's log too, at debug level, a line each. Run tools with package process,
// which also keeps them from outliving the plugin. Secrets belong into fields of
// type Secret: those never print, and are removed from logs and errors.
//
// # By hand
//
// Started by hand the same binary is a tool: describe, schema, validate, check,
// run (one task without a host), and the commands given by Commands. Package
// sdktest checks that a plugin keeps its side of all this.
package sdk
