// Package control connects a command to the host that runs a pipeline: HTTP with JSON
// bodies over a unix socket that only the host's user can open.
//
// While a host runs, no other process can open its checkpoint. Therefore every command
// that reads or changes a pipeline calls the host. The host names its socket in
// run/host.json in the data directory of the pipeline (Announce), and a command finds it
// there (Dial).
//
//	GET  /v1/status            status.Snapshot
//	GET  /v1/blocks            finished and unfinished jobs, newest first: []status.Job
//	POST /v1/blocks            {"numbers":[…]} -> []status.AddResult
//	GET  /v1/blocks/{number}   every job of the number: []status.Job
//	GET  /v1/score             score.Report
//	GET  /v1/score/record      score.Record
//	GET  /v1/overview          live.Overview
//	POST /v1/prove             ProveRequest -> status.AddResult
//	POST /v1/retry             RetryRequest -> {}
//	POST /v1/report            {"job":…,"to":…} -> number of reports
//	POST /v1/jobs/{job}/skip   {} -> {}
//	POST /v1/backup            {"to":…} -> {}
//	POST /v1/drain             {"after_current":…} -> number of blocks left
//	POST /v1/reload            {} -> Reloaded
//	POST /v1/log               {"level":…} -> {}
//
// An error is answered with {"error":…,"class":…,"remedy":…}, from which the client makes
// the same contract.Error.
package control
