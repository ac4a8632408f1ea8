// Package stateless executes one block again from its execution witness with
// go-ethereum and compares every commitment of the header: state root, receipts
// root, requests hash, block access list hash, gas, blob gas, bloom, transactions
// root, withdrawals root, and the rules that tie the header to its parent.
//
// It is stricter than core.ExecuteStateless, which accepts witnesses with holes
// wherever a hole does not change the roots: here a trie node, a bytecode or an
// ancestor header that the execution asked for and the witness lacks is an
// error, even where the roots agree. Nodes that the execution never asks for may
// be absent, and superfluous ones may be present.
//
// A state node is looked up by its Keccak-256 hash, which the parent's state
// root fixes, and the parent header by the hash in the block; so the result says
// something about the block hash and nothing has to be trusted. Nothing is
// cached between calls; calls may run concurrently.
package stateless
