// Package checkpoint keeps the durable state of a pipeline in one bbolt file.
//
// The schema:
//
//	meta
//	  schema                          uvarint, without a seal
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
//	last/<bucket>                     the last seq or id that the bucket gave out
//
// Values are JSON: a record is small, is read by people in an emergency, and
// takes new fields without a migration. Behind each stands its seal, a checksum
// (see bucket); a damaged record is an error and never another record.
//
// To change the schema: raise schemaVersion, append a function to migrations,
// keep every file in testdata, add one of the new schema with
//
//	go test ./host/checkpoint -run TestUpdateFixture -update
//
// and TestOldFiles holds what becomes of the old ones against what the present
// code writes.
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
//
// A file may be damaged by its disk or by a person. bbolt believes what it reads,
// so Open looks at the file first (inspect) and refuses a damaged one with the
// ways out: a backup (Store.Backup, while the host runs), or a new beginning on
// purpose.
package checkpoint
