// Package server is the client of one ere-server, versions 0.9 to 0.16.
//
// The transport is Twirp over HTTP/1.1. What differs from other services:
//
//   - A failed proof is an answer with status 200 that holds a text, a *Refusal.
//     Status codes speak of the transport and of malformed requests.
//   - There is no job id. A proof whose client has left goes on to its end, holds
//     the server's only slot, and its result is lost.
//   - Prove requests wait for the slot inside the request, without a limit and
//     without a sign of life. Execute and Verify do not wait.
//   - The health of a server that proves, or hangs, is good unless it was started
//     with --prove-timeout-ms.
//
// The Go client that twirp generates is not used: it reads answers without a limit.
//
// Source: eth-act/ere:crates/server@v0.16.2.
package server
