// Package checkpoint keeps the durable state of a pipeline in one bbolt file.
//
// The schema, of version 3:
//
//	├── meta
//	│   ├── schema                               : uvarint, without a seal
//	│   ├── created                              : RFC 3339
//	│   └── sum                                  : sum, over all records but these two
//	├── runs
//	│   └── <seq BE8>                            : record.Run
//	├── cursors
//	│   └── <stage>                              : record.Cursor
//	├── jobs
//	│   └── <job id>                             : record.Job
//	├── active
//	│   └── <job id>                             : empty, of every record.Job.Open
//	├── numbers
//	│   └── <number BE8><job id>                 : empty
//	├── history
//	│   └── <finished unix ns BE8><job id>       : status.JobState, of every finished job
//	├── outbox
//	│   └── <reporter>
//	│       └── <seq BE8>                        : record.Event
//	├── owing
//	│   └── <job id> 0x00 <seq BE8><reporter>    : empty, of every event of a job in an outbox
//	├── reached
//	│   └── <reporter>
//	│       └── <number BE8><lane>               : record.Reached
//	├── reports
//	│   └── <job id>
//	│       └── <seq BE8><reporter>              : status.Report
//	├── requests
//	│   └── <id BE8>                             : record.Request
//	└── last
//	    └── runs, requests, outbox/<reporter>    : uint64, the last number given out
//
// Values are JSON: a record is small, is read by people in an emergency, and
// takes new fields without a migration. Behind each stands its seal, a checksum
// (see bucket); a damaged record is an error and never another record. The sum over
// all seals tells of records that are missing.
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
// so Open has another process look at the file first (inspect, look) and refuses a
// damaged one with the ways out: Compact where every record is whole, a backup
// (Store.Backup, while the host runs), or a new beginning on purpose.
package checkpoint
