// Package checkpoint keeps the durable state of a pipeline in one bbolt file. It stores
// the records of package record and decides nothing about them.
//
// Version 3 of the schema, with the type of each value:
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
// Values are JSON, because a record is small, people must be able to read it in an
// emergency, and it can get new fields without a migration. Each value is followed by
// its seal, a checksum (see bucket). A damaged record is an error and is never taken for
// another record. The sum over all seals detects missing records.
//
// To change the schema:
//
//  1. Raise schemaVersion and append a function to migrations.
//  2. Keep every file in testdata and add one of the new schema with
//     go test ./host/checkpoint -run TestUpdateFixture -update
//  3. TestOldFiles compares the migrated files with what the current code writes.
//
// Rules:
//
//  1. Every change of state is one transaction (Commit, Try, Settle, …). The files that
//     it refers to are durable before, and its effects outside come after it.
//  2. The file is synced at every commit. There is no mode without.
//  3. A transaction calls no other package, and no value that points into the file
//     leaves it.
//
// All methods are safe for concurrent use.
//
// A file may be damaged by its disk or by a person, and bbolt does not check what it
// reads. Therefore Open has another process scan the file first (see inspect and scan).
// It refuses a damaged file with an error that names the remedies: Compact when every
// record is intact, a backup made by Store.Backup, or a new file.
package checkpoint
