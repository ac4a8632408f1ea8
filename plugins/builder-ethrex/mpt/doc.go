// Package mpt holds the nodes of a Merkle Patricia trie as a witness delivers
// them, a bag of RLP nodes, and finds its way through them from a root. It
// decodes nodes the way ethrex does (lambdaclass/ethrex:crates/common/trie/{rlp,nibbles}.rs@891528d).
//
// A Table hashes and decodes all entries at once, on all processors. Entries
// that are no node are remembered rather than refused, because a node that no
// root reaches does no harm; Table.Bad tells of them and every walk that meets
// one fails.
package mpt
