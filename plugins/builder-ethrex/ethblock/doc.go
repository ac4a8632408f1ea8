// Package ethblock reads the answer to eth_getBlockByNumber(n, true) the way
// ethrex does (lambdaclass/ethrex:crates/networking/rpc/types/block.rs@891528d,
// crates/common/types/transaction.rs@891528d): what ethrex requires is
// required, what it ignores is ignored, and what does not fit its types is
// refused with the field's name instead of being cut off.
//
// Reading verifies nothing: Verify compares the block with its hash.
package ethblock
