// Package mpt holds the nodes of Merkle Patricia tries in a witness, which are an unordered
// list of RLP-encoded nodes, and follows paths through them from a root. It decodes nodes as
// ethrex does (lambdaclass/ethrex:crates/common/trie/{rlp,nibbles}.rs@891528d).
//
// A Table hashes and decodes all entries at once on all cores. An entry that is no node is no
// error, because it does no harm where no root reaches it. Table.Bad returns these entries,
// and a walk that meets one fails.
package mpt
