// Package input builds the SSZ StatelessInput of a block, which guest programs of ethrex,
// reth, zesu and nimbus read:
//
//	schema id, 2 bytes big-endian     first byte: guest.Fork of the block; second byte: 1
//	SSZ container                     fields follow from the fork and the dialect
//
// The input does not name its dialect. The release of the guest determines it.
//
// Sources: ethereum/execution-specs:src/ethereum/forks/amsterdam/stateless.py@c1200883
// (D4) and @6e9e6713 (D3); for the forks before Amsterdam
// paradigmxyz/stateless:crates/stateless-validator-common/src/guest@0aa0c19d.
package input
