// Package chainspec reads the configuration of a chain: that of a public network,
// or that in a genesis file of geth or ethrex. It is the only parser of such
// files; what it reads is given out in two forms, as go-ethereum executes by it
// (Spec.Rules) and as ethrex puts it into a guest input (Spec.Ethrex). Each form
// makes its own demands on a file.
//
// The public networks have the values of go-ethereum
// (ethereum/go-ethereum:params/config.go@v1.17.10) and, in ethrex's form, those
// of ethrex (lambdaclass/ethrex:cmd/ethrex/networks/<net>/genesis.json@891528d).
package chainspec
