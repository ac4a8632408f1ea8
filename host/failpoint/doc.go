// Package failpoint ends the process at named moments, for crash tests. It does
// so only in programs built with the tag "failpoints"; in others a point costs
// nothing.
//
// PROOFLINE_FAILPOINT names the moment, and after "@" at which of its occurrences
// the process ends, counted from 1:
//
//	PROOFLINE_FAILPOINT=engine.claimed@3
//
// The process ends as by kill -9: no deferred call runs, no buffer is flushed.
//
// Such programs also take periods from the environment, see Period.
package failpoint

// The moments, one for each boundary at which a crash could lose or repeat
// something. Each has a test that is killed there.
const (
	Polled     = "engine.polled"     // the source has answered; nothing of it is recorded
	TakenIn    = "engine.taken-in"   // jobs and cursor are recorded; nobody knows yet
	Claimed    = "engine.claimed"    // the claim is recorded; the plugin has not been asked
	Progressed = "engine.progressed" // "proving" is recorded; the attempt goes on
	Resumable  = "engine.resumable"  // a resume token is recorded; the attempt goes on
	Answered   = "engine.answered"   // the plugin has its result; the host has not looked at it
	Accepted   = "engine.accepted"   // the outputs are checked, perhaps not durable yet, and not verified
	Published  = "engine.published"  // the outputs are copied out; the result is not recorded
	Recorded   = "engine.recorded"   // the result is recorded; the next stage has not been told
	Failed     = "engine.failed"     // a failure is recorded
	Committing = "store.committing"  // inside a transaction, before it is committed
	Trying     = "outbox.trying"     // a try is recorded; the reporter has not been asked
	Delivered  = "outbox.delivered"  // the reporter has answered; that is not recorded
	Settled    = "outbox.settled"    // the outcome is recorded
	Migrating  = "store.migrating"   // an older file is migrated, that is not committed
	Recovered  = "engine.recovered"  // interrupted jobs are waiting again; nothing runs

	// Of a block with several proof stages, shadows apart:
	ClaimedBeside  = "engine.claimed-beside"  // a second proof's claim is recorded while another proof is made
	RecordedBeside = "engine.recorded-beside" // one proof is recorded, another is not made yet
	RefusedBeside  = "engine.refused-beside"  // a gate's refusal is recorded; a proof that it was to confirm is done
)

// All lists the moments.
func All() []string {
	return []string{
		Polled, TakenIn, Claimed, Progressed, Resumable, Answered, Accepted, Published, Recorded, Failed,
		Committing, Trying, Delivered, Settled, Migrating, Recovered,
		ClaimedBeside, RecordedBeside, RefusedBeside,
	}
}

// TidyEvery is the variable that holds the period of removing old files and
// records.
const TidyEvery = "PROOFLINE_TIDY_EVERY"
