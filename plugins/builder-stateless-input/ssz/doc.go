// Package ssz encodes, decodes and hashes containers of the four shapes that the
// stateless input of Ethereum's guests has: values of fixed size, byte lists, lists
// of byte lists, and lists of items of fixed size. A container is described once,
// by its fields, each of which points to where its value is; everything else
// follows from the description.
//
// The encoding is that of SSZ (ethereum/consensus-specs:ssz/simple-serialize.md),
// the hashing with progressive lists and containers that of EIP-7916 and EIP-7495.
// There are no unions, no optional values, and no booleans.
//
// Nothing in the package locks; a container may be encoded, hashed and compared by
// several goroutines at once while nobody decodes into it.
package ssz
