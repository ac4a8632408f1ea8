// Package ethblock holds a block in the types that ethrex has
// (lambdaclass/ethrex:crates/common/types/block.rs@891528d,
// crates/common/types/transaction.rs@891528d): narrower than the protocol's in
// some places, so that what does not fit is refused with its name instead of being
// cut off. Package witness reads the block.
//
// Reading verifies nothing: Verify converts the block back and compares it with
// its hash, so that a fault of the conversion is found, too.
package ethblock
