// Package engine takes jobs through the stages of a pipeline. It is pure logic
// over the small interfaces in ports.go: it knows neither plugins' processes nor
// the database.
//
// # Life of a job
//
//	Poll ─► waiting at the source ─► running ─► waiting at the builder ─► … ─► done
//	                  ▲                 │
//	                  └── back-off ◄────┤ retryable, environment, interrupted
//	                                    └► failed (permanent, or too often)
//
// A job waits at the first stage that it has not done. A stage claims the most
// urgent job that waits for it, unless the stage behind it already has enough
// jobs that are at least as urgent: so pressure travels back to the source, and
// the newest block still overtakes.
//
// # Order of writing
//
//  1. New jobs, orphaned jobs and the cursor are one transaction.
//  2. A claim is recorded before the attempt begins; the proof stage's claim
//     carries the event "queued".
//  3. A resume token is stored before the next message of the attempt is read.
//  4. A result is accepted by Files (complete, hashed, synced) and verified
//     before it is recorded; the record carries the events that tell of it.
//  5. Nothing outside hears of anything before its record is on disk: reporters
//     read the outbox, which is part of the record.
//
// # Concurrency
//
// One goroutine per slot of a stage, one that polls, one that keeps house.
// Transitions are serialised by Engine.write, which is held while a change is
// computed and committed; Engine.mu guards the memory image for readers and is
// never held during I/O. A running job is changed only by its own goroutine, but
// for its end: whoever cancels it records that first and then cuts the attempt
// off, which finds that it no longer owns the job and records nothing.
package engine
