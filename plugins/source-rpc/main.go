// Command source-rpc is the plugin that follows an Ethereum chain through one or
// several execution clients, and fetches target blocks with their execution
// witnesses. How it does that is package ethnode; here are its configuration
// and its preflight.
package main

import (
	"context"

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

// source is the plugin's value: the shared source over a pool of nodes.
type source struct {
	*ethnode.Source
	pool *ethnode.Pool
}

func open(ctx context.Context, cfg Config, env sdk.Env) (*source, error) {
	pool, err := ethnode.NewPool(ctx, cfg.endpoints(), ethnode.PoolOptions{
		MaxLag: cfg.MaxLag.Std(), HedgeAfter: cfg.HedgeAfter.Std(), Log: env.Log})
	if err != nil {
		return nil, err
	}
	s := ethnode.NewPoolSource(pool, cfg.Poll.Std(), env.Log)
	s.Confirmations = cfg.Confirmations
	return &source{Source: s, pool: pool}, nil
}

// Health is unavailable while no endpoint answers.
func (s *source) Health(context.Context) contract.Health { return s.pool.Health() }

// Close ends the watching of the endpoints.
func (s *source) Close() error { return s.pool.Close() }
