// Package ssz encodes, decodes and hashes SSZ containers with the four kinds of values in
// the stateless input of Ethereum's guests: values of fixed size, byte lists, lists of byte
// lists, and lists of items of fixed size. A Container lists its fields, each of which
// points to its value. Encoding, decoding and hashing follow from that list.
//
// The encoding is that of SSZ (ethereum/consensus-specs:ssz/simple-serialize.md),
// the hashing with progressive lists and containers that of EIP-7916 and EIP-7495.
// There are no unions, no optional values, and no booleans.
//
// The package uses no locks. Several goroutines may encode, hash and compare a container at
// the same time while none decodes into it.
package ssz
