// Package ethnode reads blocks and execution witnesses from Ethereum execution
// clients over JSON-RPC.
//
// A Client talks to one endpoint. A Follower turns the headers of any Chain
// into the answers of a source: target blocks in order, none missed, reorgs
// reported. A Fetcher writes a block and its witness to files while they
// arrive, and checks that the two belong together before anyone spends work on
// them. Source puts the three behind the methods that a source plugin needs.
//
// Errors carry a class of package contract, and name the endpoint without its
// credentials. All types are safe for concurrent use.
package ethnode
