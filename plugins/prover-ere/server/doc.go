// Package server is the client of one ere-server, versions 0.9 to 0.16.
//
// The transport is Twirp over HTTP/1.1. The service differs from others as follows:
//
//   - The answer to a failed proof has status 200 and contains a text. The client returns
//     it as a *Refusal. Other status codes mean faults of the transport or malformed
//     requests.
//   - There is no job id. When the client disconnects, its proof continues to the end and
//     holds the server's only slot. The result is lost.
//   - A Prove request waits for the slot without a limit, and the server sends nothing
//     meanwhile. Execute and Verify do not wait.
//   - A server that proves or hangs reports a good health, unless it was started with
//     --prove-timeout-ms.
//
// The package does not use the Go client that twirp generates, because that reads answers
// without a limit.
//
// Source: eth-act/ere:crates/server@v0.16.2.
package server
