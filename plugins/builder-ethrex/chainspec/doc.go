// Package chainspec holds the chain configurations that ethrex puts into a
// guest input: those of the public networks as ethrex has them
// (lambdaclass/ethrex:cmd/ethrex/networks/<net>/genesis.json@891528d) and any
// other from a genesis file.
package chainspec
