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

// ancestors is the chain as far as the witness shows it: the headers below the
// block. It implements core.ChainContext and notes every header that the
// execution needs and the witness lacks. The execution asks from one goroutine.
type ancestors struct {
	config  *params.ChainConfig
	engine  consensus.Engine
	headers map[common.Hash]*types.Header
	chain   []*types.Header // the parent first
	missing []MissingHeader
}

// newAncestors takes the headers from the witness; they must be an unbroken chain
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

// parent is the header of the block before.
func (a *ancestors) parent() *types.Header { return a.chain[0] }

// Config implements consensus.ChainHeaderReader.
func (a *ancestors) Config() *params.ChainConfig { return a.config }

// Engine implements core.ChainContext.
func (a *ancestors) Engine() consensus.Engine { return a.engine }

// CurrentHeader implements consensus.ChainHeaderReader: the block's parent.
func (a *ancestors) CurrentHeader() *types.Header { return a.parent() }

// GetHeader implements consensus.ChainHeaderReader. A header that is not there is
// noted as missing.
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
	top := a.parent().Number.Uint64()
	if number > top || top-number >= uint64(len(a.chain)) {
		return nil
	}
	return a.chain[top-number]
}

// blockhashes is the chain that the EVM sees: every lookup is BLOCKHASH on its way
// down.
//
// go-ethereum answers BLOCKHASH(k) with the parent hash in header k+1. Guests
// hash header k itself, and nodes serve it for them, so it is needed too.
type blockhashes struct{ *ancestors }

// GetHeader implements consensus.ChainHeaderReader.
func (b *blockhashes) GetHeader(hash common.Hash, number uint64) *types.Header {
	header := b.ancestors.GetHeader(hash, number)
	if header != nil && number > 0 {
		b.ancestors.GetHeader(header.ParentHash, number-1)
	}
	return header
}
