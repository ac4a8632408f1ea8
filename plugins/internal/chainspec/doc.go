// Package chainspec provides the configuration of a chain, either of a public network
// or from a genesis file of geth or ethrex. It is the only parser of such files. A
// Spec gives the configuration in two forms: Spec.Rules for execution by go-ethereum,
// and Spec.Ethrex for the guest input of ethrex. Each form requires different entries
// of a file.
//
// The public networks have the values of go-ethereum
// (ethereum/go-ethereum:params/config.go@v1.17.10) and, in ethrex's form, those
// of ethrex (lambdaclass/ethrex:cmd/ethrex/networks/<net>/genesis.json@891528d).
package chainspec
