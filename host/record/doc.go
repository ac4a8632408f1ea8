// Package record defines the durable records of the host: a job and its stages, the
// events that wait for reporters, and the change that one transaction makes. The engine
// computes them, the checkpoint stores them, and the outbox sends the events. Their JSON
// form is the format of the checkpoint.
//
// # States of a stage of a job
//
//	            ┌──────────────────────── the attempt failed, may be tried again ─┐
//	            ▼                                                                 │
//	waiting ─► running ─► done                                                    │
//	   │          ├───────────────────────────────────────────────────────────────┘
//	   │          └─► failed ─► (the stages that need it become blocked)
//	   ├─► blocked   a stage that it needs has failed
//	   ├─► skipped   its work is not needed, see Stage.Error for the reason
//	   ├─► cancelled the job was cancelled or dropped
//	   └─► removed   the pipeline has no such stage any more
//
// # States of a job
//
// The state of a job follows from its stages, shadows excepted (see Job.Derive). It is
//
//	running    while a stage runs
//	waiting    while a stage waits and none runs
//	failed     when a stage has failed and no other has work left
//	done       otherwise
//
// A job as a whole is dropped or cancelled by Job.Stop.
package record
