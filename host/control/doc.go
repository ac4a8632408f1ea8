// Package control is how a command talks to the host that runs a pipeline:
// HTTP with JSON bodies over a unix socket that only the host's user can open.
//
// While a host runs, nobody else can open its checkpoint; so every command that
// asks about a pipeline or changes it comes through here. The host writes
// run/host.json into the pipeline's data directory (Announce), which names the
// socket; a command finds it from there (Dial).
//
//	GET  /v1/status            status.Snapshot
//	GET  /v1/blocks            finished and unfinished jobs, newest first: []status.Job
//	POST /v1/blocks            {"numbers":[…]} -> []status.AddResult
//	GET  /v1/blocks/{number}   every job of the number: []status.Job
//	GET  /v1/score             score.Report
//	POST /v1/prove             ProveRequest -> status.AddResult
//	POST /v1/retry             RetryRequest -> {}
//	POST /v1/report            {"job":…,"to":…} -> number of reports
//	POST /v1/jobs/{job}/skip   {} -> {}
//	POST /v1/backup            {"to":…} -> {}
//	POST /v1/drain             {"after_current":…} -> number of blocks left
//	POST /v1/reload            {} -> Reloaded
//
// An error answers with {"error":…,"class":…,"remedy":…}; the client makes the
// same contract.Error of it again.
package control
