package stateless

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus"
	"github.com/ethereum/go-ethereum/consensus/beacon"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/sdk/witness"
)

// ancestors holds the headers of the witness, which lie below the block. It implements
// core.ChainContext, and records every header that the execution needs and the witness
// lacks. It is used by one goroutine.
type ancestors struct {
	config  *params.ChainConfig
	engine  consensus.Engine
	headers map[common.Hash]*types.Header
	chain   []*types.Header // the parent first
	missing []MissingHeader
}

// newAncestors decodes the headers of the witness. They must form a chain without gaps
// that ends at the block's parent.
func newAncestors(config *params.ChainConfig, block *types.Block, w *witness.Witness) (*ancestors, error) {
	chain, err := w.Ancestors(block)
	if err != nil {
		return nil, &WitnessError{Err: err}
	}
	a := &ancestors{
		config:  config,
		engine:  beacon.New(ethash.NewFaker()),
		headers: make(map[common.Hash]*types.Header, len(chain)),
		chain:   chain,
	}
	for _, header := range chain {
		a.headers[header.Hash()] = header
	}
	return a, nil
}

// parent returns the header of the block's parent.
func (a *ancestors) parent() *types.Header { return a.chain[0] }

// Config implements consensus.ChainHeaderReader.
func (a *ancestors) Config() *params.ChainConfig { return a.config }

// Engine implements core.ChainContext.
func (a *ancestors) Engine() consensus.Engine { return a.engine }

// CurrentHeader implements consensus.ChainHeaderReader: the block's parent.
func (a *ancestors) CurrentHeader() *types.Header { return a.parent() }

// GetHeader implements consensus.ChainHeaderReader. It records a header that the
// witness lacks as missing.
func (a *ancestors) GetHeader(hash common.Hash, number uint64) *types.Header {
	if header, ok := a.headers[hash]; ok && header.Number.Uint64() == number {
		return header
	}
	missing := MissingHeader{Hash: hash, Number: number}
	if !slices.Contains(a.missing, missing) {
		a.missing = append(a.missing, missing)
	}
	return nil
}

// GetHeaderByHash implements consensus.ChainHeaderReader.
func (a *ancestors) GetHeaderByHash(hash common.Hash) *types.Header { return a.headers[hash] }

// GetHeaderByNumber implements consensus.ChainHeaderReader.
func (a *ancestors) GetHeaderByNumber(number uint64) *types.Header {
	parent := a.parent().Number.Uint64()
	if number > parent || parent-number >= uint64(len(a.chain)) {
		return nil
	}
	return a.chain[parent-number]
}

// blockhashes is the chain that the EVM reads for the opcode BLOCKHASH.
//
// go-ethereum answers BLOCKHASH(k) with the parent hash in header k+1. Guests hash
// header k itself, so every lookup here also requires the header below.
type blockhashes struct{ *ancestors }

// GetHeader implements consensus.ChainHeaderReader.
func (b *blockhashes) GetHeader(hash common.Hash, number uint64) *types.Header {
	header := b.ancestors.GetHeader(hash, number)
	if header != nil && number > 0 {
		b.ancestors.GetHeader(header.ParentHash, number-1)
	}
	return header
}
