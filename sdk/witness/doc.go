// Package witness reads the data that an Ethereum node serves for stateless execution:
// the block (eth_getBlockByNumber with full transactions) and its execution
// witness (debug_executionWitness), from files, bytes or streams.
//
// Nodes write a witness in one of three shapes, and all are read into one type:
//
//   - geth: headers are JSON objects, keys is null;
//   - reth, ethrex, erigon: headers are RLP as hexadecimal strings, keys is an
//     array, which newer ethrex leaves empty;
//   - reth before 2025: state, codes and keys are maps from hash to preimage,
//     and there are no headers.
//
// A document may be the result alone or the whole JSON-RPC answer around it.
// Files whose name ends in .gz are read as gzip.
//
// The package checks that block and witness belong together (Check); it does
// not execute the block and links no EVM. All functions are safe for concurrent
// use on different values; a Witness may be read by several goroutines.
package witness
