// Package record holds the durable records of the host: a job and its stages, the
// events that it owes to reporters, and the change that one transaction makes.
// The engine computes them, the checkpoint stores them, the outbox sends them.
//
// # States of a stage of a job
//
//	            ┌──────────────────────── the attempt failed, may be tried again ─┐
//	            ▼                                                                 │
//	waiting ─► running ─► done                                                    │
//	   │          ├───────────────────────────────────────────────────────────────┘
//	   │          └─► failed ─► (the stages that need it become blocked)
//	   ├─► blocked   a stage that it needs failed
//	   ├─► skipped   its work is not needed: it was given, or the shadow left it out
//	   ├─► cancelled the job was cancelled or dropped
//	   └─► removed   the pipeline has no such stage any more
//
// # States of a job
//
// They follow from the stages that are no shadows (see Job.Derive): running while
// one runs, waiting while one waits, failed when one failed and nothing of the
// others is left to do, else done. Dropped and cancelled are decided for the whole
// job (Job.Stop).
package record
