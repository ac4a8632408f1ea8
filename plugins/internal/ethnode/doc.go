// Package ethnode reads blocks and execution witnesses from Ethereum execution
// clients over JSON-RPC.
//
//	Source ─┬─ Follower: Poll, Resolve ──► Chain   (headers)            ─┐
//	        └─ Fetcher:  Fetch ──────────► Supply ─► Candidate (Reader) ─┤
//	                                                                     ▼
//	                              Pool (several nodes) or one Client ─► JSON-RPC
//
// A Client talks to one endpoint, a Pool to several that serve the same chain. A
// Follower turns headers into the response of a poll: it returns the target blocks
// in order, misses none and reports reorgs. A Fetcher writes a block and its
// witness to files while they arrive, and checks that the two belong together.
// Source combines a Follower and a Fetcher to implement sdk.Source.
//
// Errors carry a class of package contract, and name the endpoint without its
// credentials. All exported types are safe for concurrent use.
package ethnode
