// Package stateless executes one block again from its execution witness with
// go-ethereum and compares every commitment of the header: state root, receipts
// root, requests hash, block access list hash, gas, blob gas, bloom, transactions
// root, withdrawals root, and the rules that tie the header to its parent.
//
// It is stricter than core.ExecuteStateless, which accepts an incomplete witness where
// a missing entry does not change the roots. Here a trie node, a bytecode or an
// ancestor header that the execution reads and the witness lacks is an error, even
// where the roots agree. Entries that the execution does not read may be missing, and
// unused ones may be present.
//
// The block hash determines everything that is read: the block names its parent's
// hash, the parent's header holds the state root, and each state node is read by its
// Keccak-256 hash. So the witness need not be trusted. The package caches nothing
// between calls, and calls may run concurrently.
package stateless
