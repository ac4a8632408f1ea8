// Command source-rpc is the plugin that follows an Ethereum chain through one or
// several execution clients, and fetches target blocks with their execution
// witnesses. How it does that is package ethnode; here are its configuration
// and its preflight.
package main

import (
	"context"
	"errors"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewSource("source-rpc", release.Version, open,
		sdk.Summary("Follows a chain through execution clients over JSON-RPC and fetches blocks with their witnesses."))
}

// source is the plugin's value: the shared source over a pool of nodes, and what
// it keeps.
type source struct {
	*ethnode.Source
	pool   *ethnode.Pool
	keeper *keeper // nil where nothing is kept
	note   string
}

func open(ctx context.Context, cfg Config, env sdk.Env) (*source, error) {
	keeper, err := newKeeper(cfg.Archive, env.Log)
	if err != nil {
		return nil, err
	}
	pool, err := ethnode.NewPool(ctx, cfg.endpoints(), ethnode.PoolOptions{
		MaxLag: cfg.MaxLag.Std(), HedgeAfter: cfg.HedgeAfter.Std(), Fetches: cfg.Fetches, Window: cfg.Window, ChainID: cfg.ChainID,
		MaxHeadAge: cfg.MaxHeadAge.Std(), Log: env.Log})
	if err != nil {
		if keeper != nil {
			err = errors.Join(err, keeper.Close())
		}
		return nil, err
	}
	s := &source{Source: ethnode.NewPoolSource(pool, cfg.Poll.Std(), env.Log), pool: pool, keeper: keeper, note: cfg.note()}
	s.Confirmations, s.Strict = cfg.Confirmations, cfg.Strict
	return s, nil
}

// Fetch writes the task's block and witness, and keeps them if so configured.
func (s *source) Fetch(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	if s.keeper == nil {
		return s.Source.Fetch(ctx, task)
	}
	result, err := s.Fetcher.Fetch(ctx, s.Request(task), func(name string) (ethnode.File, error) { return s.keeper.watch(task, name) })
	if err == nil {
		s.keeper.fetched(ctx, task, result)
	}
	return result, err
}

// Note names the endpoints.
func (s *source) Note() string { return s.note }

// Health is unavailable while no endpoint answers.
func (s *source) Health(context.Context) contract.Health { return s.pool.Health() }

// Close ends the watching of the endpoints and finishes what is to be kept.
func (s *source) Close() error {
	err := s.pool.Close()
	if s.keeper != nil {
		err = errors.Join(err, s.keeper.Close())
	}
	return err
}
