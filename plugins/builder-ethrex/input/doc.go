// Package input writes the guest input of ethrex: the rkyv archive of a block,
// its execution witness and its chain's configuration, byte for byte as
// ethrex's own tools do from the same two RPC answers.
//
// The layout is that of lambdaclass/ethrex@891528d (releases v7 to v9), here
// called g4; later layouts differ from it in a few places, which the table in
// format.go lists. An archive is written front to back in one pass:
//
//	extra data
//	per transaction: data, access items, their images, blob hashes or authorizations
//	transactions, withdrawals, the block
//	codes, headers
//	state trie, storage tries in a B-tree by address
//	keys
//	root object
//
// Package input trusts nothing that it is given: what does not fit the layout
// is refused by the name of its field.
package input
