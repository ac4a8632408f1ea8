// Package input writes the guest input of ethrex: the rkyv archive of a block, its execution
// witness and its chain's configuration. From the same JSON of block and witness it writes
// the same bytes as ethrex's own tools.
//
// The base layout is that of lambdaclass/ethrex@891528d (releases v7 to v9), called g4. The
// table formats lists where later layouts differ from it. An archive is written in one pass
// from its first byte to its last:
//
//	extra data
//	per transaction: data, access items, their images, blob hashes or authorizations
//	transactions, withdrawals, the block
//	codes, headers
//	state trie, storage tries in a B-tree by address
//	keys
//	root object
//
// Block and witness are not trusted. The error for a value that does not fit the layout names
// its field.
package input
