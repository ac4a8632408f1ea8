// Package outbox delivers events to reporters. The transaction that records what has
// happened also writes the event to the checkpoint, and a Sender reads it from there.
// So nothing is reported before it is durable, and everything durable is reported.
//
// The order of delivery:
//
//   - The phases of one block number are delivered in the order of their writing, each
//     after the one before it was settled. The same holds for the alerts about a number.
//   - A later phase supersedes the earlier phases of its number. They are settled in the
//     transaction that records its first try, so that a finished proof never waits
//     behind its own "queued".
//   - Different numbers are delivered concurrently, the highest phases first.
//   - Every try is recorded before it is made. A phase lower than one that was already
//     tried for the number is never sent.
//
// An event leaves the outbox when the reporter accepts it, when the reporter rejects it
// for good, when a later phase supersedes it, or when it expires. A Sender does the
// first three. Expiry does the last, for the outboxes of all reporters, also those
// without a plugin.
package outbox
