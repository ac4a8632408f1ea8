// Package input makes the SSZ StatelessInput of a block: what a guest program of
// ethrex, reth, zesu or nimbus reads. It begins with the schema id, two bytes
// big-endian, whose first byte is the index of the block's fork; the container
// behind it follows from the fork and from the dialect, which only the guest's
// release tells.
//
// Sources: ethereum/execution-specs:src/ethereum/forks/amsterdam/stateless.py@c1200883
// (D4) and @6e9e6713 (D3); for the forks before Amsterdam
// paradigmxyz/stateless:crates/stateless-validator-common/src/guest@0aa0c19d.
package input
