// Package checkpoint keeps the durable state of a pipeline in one bbolt file.
//
// The schema. Change it together with schemaVersion and a migration.
//
//	meta
//	  schema                          uvarint
//	  created                         RFC 3339
//	runs/<run id>                     job.Run
//	cursors/<stage>                   job.Cursor
//	jobs/<job id>                     job.Job
//	active/<job id>                   -          jobs that are not finished
//	numbers/<number BE8><job id>      -          jobs by block number
//	history/<finished BE8><job id>    state      finished jobs by time (unix ns)
//	outbox/<reporter>/<seq BE8>       job.Event
//	reached/<reporter>/<number BE8>   job.Reached
//	reports/<job id>/<seq BE8><reporter>  status.Report
//	requests/<id BE8>                 job.Request
//
// Values are JSON: a record is small, is read by people in an emergency, and
// takes new fields without a migration.
//
// Rules:
//
//  1. Every change of state is one transaction (Commit, Attempt, Settle, …).
//     What it tells of is durable before, what it causes outside comes after.
//  2. The file is synced at every commit; there is no mode without.
//  3. No call into other packages happens inside a transaction, and no value
//     that points into the file leaves it.
//
// All methods are safe for concurrent use.
package checkpoint
