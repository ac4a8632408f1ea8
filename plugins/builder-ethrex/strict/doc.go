// Package strict refuses JSON that ethrex's own converter refuses, and that this
// project reads all the same because a node may write it so: numbers that are null
// or without a digit, members that a client leaves out, hexadecimal text that begins
// with 0X. It looks at the form of block and witness alone, not at what they mean,
// and reads the documents a second time: it is for whoever wants to know whether
// ethrex would have made the same input, not for speed.
//
// The rules are those of the types of ethrex-common 17.0.0 to 23.0.0 on crates.io
// (types/block.rs, types/transaction.rs, types/block_execution_witness.rs,
// serde_utils.rs) under the answer to eth_getBlockByNumber as in
// lambdaclass/ethrex:crates/networking/rpc/types/block.rs@891528d. Where ethrex takes
// what no client writes (hexadecimal text without 0x, null among booleans) the
// package, or the reader after it, may refuse it.
package strict
