package host

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/sdk/contract"
)

// chainGuard wraps the source of a pipeline. It refuses blocks of another chain than that
// of the checkpoint, because they would share its numbers, its cursor and its output
// directory. The error has the class environment, so that the stage pauses and no block
// fails.
type chainGuard struct {
	source
	data string

	mu    sync.Mutex
	chain uint64 // 0 until a block is known
}

// source is the interface of the wrapped stage.
type source interface {
	engine.Source
	engine.LogKeeper
}

// Poll implements engine.Source.
func (g *chainGuard) Poll(ctx context.Context, request contract.PollRequest) (contract.PollResponse, error) {
	answer, err := g.source.Poll(ctx, request)
	for _, block := range answer.Blocks {
		if err == nil {
			err = g.admit(block.ChainID)
		}
	}
	if err != nil {
		return contract.PollResponse{}, err
	}
	return answer, nil
}

// Resolve implements engine.Source.
func (g *chainGuard) Resolve(ctx context.Context, numbers []uint64) ([]contract.Resolution, error) {
	resolved, err := g.source.Resolve(ctx, numbers)
	for _, r := range resolved {
		if err == nil && r.Block != nil {
			err = g.admit(r.Block.ChainID)
		}
	}
	if err != nil {
		return nil, err
	}
	return resolved, nil
}

// admit returns an error for a chain other than that of the first block.
func (g *chainGuard) admit(chain uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.chain == 0 {
		g.chain = chain
	}
	if g.chain != chain {
		return offline.OtherChainError(g.data, g.chain, chain)
	}
	return nil
}

// checkChain returns an error when a stage is configured for another chain than that of
// the checkpoint. known is 0 while the checkpoint holds no block. Stages that do not
// state a chain are not checked.
func (h *host) checkChain(known uint64) error {
	for _, s := range h.currentStages() {
		text := s.Traits().Provides[contract.TraitChainID]
		chain, err := strconv.ParseUint(text, 10, 64)
		if text != "" && err == nil && known != 0 && chain != known {
			return fmt.Errorf("stage %s: %w", s.config.Name, offline.OtherChainError(h.file().Data, known, chain))
		}
	}
	return nil
}
