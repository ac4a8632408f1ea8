// Package engine takes jobs through the stages of a pipeline. It decides what runs
// next, what is tried again and what is announced. It is pure logic over the small
// interfaces in ports.go: it knows neither the processes of the plugins nor the
// database.
//
// # Life of a job
//
//	Poll ─► waiting at the source ─► running ─► waiting at the builder ─► … ─► done
//	                  ▲                 │
//	                  └── back-off ◄────┤ retryable, environment, interrupted
//	                                    └► failed (permanent, or too often)
//
// A job waits at every stage whose needed stages are complete. A stage claims the
// most urgent job that waits for it, unless the stages behind it already have enough
// waiting jobs that are at least as urgent. This back-pressure travels back to the
// source, and the most urgent block still overtakes the others.
//
// # Order of writing
//
//  1. New jobs, orphaned jobs and the cursor are one transaction.
//  2. A claim is recorded before the attempt begins; the proof stage's claim
//     carries the event "queued".
//  3. A resume token is stored before the next message of the attempt is read.
//  4. A result is accepted by Files (complete, hashed, synced) and verified before
//     it is recorded. The same transaction carries the events that announce it.
//  5. Nothing is announced before its record is on disk: reporters read the outbox,
//     which is written in the same transaction.
//
// # Concurrency
//
// There is one goroutine per slot of a stage, and one each for polls, listed blocks,
// requests, time limits, repair and publishing. Transitions are serialised by
// Engine.write, which is held while a change is computed and committed. Engine.mu guards the
// memory image for readers and is never held during I/O. Only the goroutine of an
// attempt changes the stage that it runs. The one exception is cancellation: it is
// recorded first, then the attempt is cut off. The attempt finds that it no longer
// owns the stage and records nothing.
package engine
