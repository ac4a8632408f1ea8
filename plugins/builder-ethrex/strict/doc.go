// Package strict refuses JSON that ethrex's own converter refuses, although package witness
// reads it because some nodes write it: numbers that are null or have no digit, members that
// a client leaves out, hexadecimal text that begins with 0X. It checks only the form of block
// and witness, not their meaning. It reads the documents a second time, so it costs time. It
// serves to find out whether ethrex would have built the same input.
//
// The rules are those of the types of ethrex-common 17.0.0 to 23.0.0 on crates.io
// (types/block.rs, types/transaction.rs, types/block_execution_witness.rs, serde_utils.rs),
// and for the result of eth_getBlockByNumber those of
// lambdaclass/ethrex:crates/networking/rpc/types/block.rs@891528d. ethrex also accepts forms
// that no client writes (hexadecimal text without 0x, null as a boolean). This package or
// package witness may refuse those.
package strict
