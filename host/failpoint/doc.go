// Package failpoint ends the process at named points of the code, for crash tests. It
// does so only in programs that are built with the tag "failpoints". In all others a
// failpoint costs nothing.
//
// PROOFLINE_FAILPOINT names the failpoint. The number after "@" is the occurrence at
// which the process ends, counted from 1:
//
//	PROOFLINE_FAILPOINT=engine.claimed@3
//
// The process ends as by kill -9: no deferred call runs and no buffer is flushed.
//
// Such programs also take periods from the environment, see Period.
package failpoint

// The failpoints. There is one for each boundary at which a crash could lose or repeat
// work, and each has a test in which the process is killed there.
const (
	Polled     = "engine.polled"     // the source has answered; nothing is recorded
	TakenIn    = "engine.taken-in"   // jobs and cursor are recorded; no stage works on them yet
	Claimed    = "engine.claimed"    // the claim is recorded; the plugin has not been called
	Progressed = "engine.progressed" // "proving" is recorded; the attempt goes on
	Resumable  = "engine.resumable"  // a resume token is recorded; the attempt goes on
	Answered   = "engine.answered"   // the plugin has returned its result; the host has not checked it
	Accepted   = "engine.accepted"   // the outputs are checked, perhaps not durable yet, and not verified
	Published  = "engine.published"  // the outputs are copied to the output directory; that is not recorded
	Recorded   = "engine.recorded"   // the result is recorded; the next stage has not begun
	Failed     = "engine.failed"     // a failure is recorded
	Committing = "store.committing"  // inside a transaction, before its commit
	Trying     = "outbox.trying"     // a try is recorded; the reporter has not been called
	Delivered  = "outbox.delivered"  // the reporter has answered; the outcome is not recorded
	Settled    = "outbox.settled"    // the outcome is recorded
	Migrating  = "store.migrating"   // inside the transaction of a migration, before its commit
	Recovered  = "engine.recovered"  // interrupted jobs wait again; nothing runs

	// These are for blocks with several proof stages that are no shadows.
	ClaimedBeside  = "engine.claimed-beside"  // the claim of a proof is recorded while another proof is made
	RecordedBeside = "engine.recorded-beside" // one proof is recorded; another is not made yet
	RefusedBeside  = "engine.refused-beside"  // the refusal of a gate is recorded; a proof that it confirms is done
)

// All returns the failpoints.
func All() []string {
	return []string{
		Polled, TakenIn, Claimed, Progressed, Resumable, Answered, Accepted, Published, Recorded, Failed,
		Committing, Trying, Delivered, Settled, Migrating, Recovered,
		ClaimedBeside, RecordedBeside, RefusedBeside,
	}
}

// TidyEvery is the environment variable for the period of removing old files and records,
// see Period.
const TidyEvery = "PROOFLINE_TIDY_EVERY"
