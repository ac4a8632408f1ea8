// Package outbox delivers events to reporters. Events are written to the
// checkpoint in the transaction that records what they tell of; a Sender takes
// them from there, so that nothing is reported that is not durable, and nothing
// that is durable goes unreported.
//
// Order: the phases of one block number are delivered in the order of their
// writing, and so are alerts about it, each after the one before it was settled. A
// later phase makes the earlier ones of its number void: they are settled in the
// transaction that records its first try, so that a finished proof never waits
// behind its own "queued". Different numbers go concurrently, proofs first. Every
// try is recorded before it is made, and a phase lower than one that was already
// tried for the number is never sent.
//
// An event leaves the outbox when the reporter accepts it, when the reporter
// rejects it for good, when a later phase makes it void, or when it expires. The
// last is not the Sender's business but Housekeeping's, which looks after the
// outboxes of all reporters, those without a plugin included.
package outbox
