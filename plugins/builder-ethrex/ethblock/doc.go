// Package ethblock holds a block in ethrex's types
// (lambdaclass/ethrex:crates/common/types/block.rs@891528d,
// crates/common/types/transaction.rs@891528d). Some of them are narrower than the
// protocol's. A value that does not fit is an error with the name of its field. Package
// witness parses the block.
//
// Read and Decode verify nothing. Verify converts the block back and compares its hash, so
// that it also finds a fault of the conversion.
package ethblock
