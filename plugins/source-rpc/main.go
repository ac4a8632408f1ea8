// Command source-rpc is a plugin of proofline that follows an Ethereum chain through one
// or several execution clients, and fetches target blocks with their execution witnesses.
// Package ethnode does that work. This package adds the configuration, the preflight and
// the archive of fetched blocks.
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

// source implements sdk.Source.
type source struct {
	*ethnode.Source
	pool     *ethnode.Pool
	archiver *archiver // nil where no archive is configured
	note     string
}

func open(ctx context.Context, cfg Config, env sdk.Env) (*source, error) {
	s := &source{note: cfg.note()}
	var err error
	if cfg.Archive.enabled() {
		if s.archiver, err = newArchiver(*cfg.Archive, env.Log); err != nil {
			return nil, err
		}
	}
	s.pool, err = ethnode.NewPool(ctx, cfg.endpoints(), ethnode.PoolOptions{
		MaxLag: cfg.MaxLag.Std(), HedgeAfter: cfg.HedgeAfter.Std(), Fetches: cfg.Fetches, Window: cfg.Window, ChainID: cfg.ChainID,
		MaxHeadAge: cfg.MaxHeadAge.Std(), Log: env.Log})
	if err != nil {
		if s.archiver != nil {
			err = errors.Join(err, s.archiver.Close())
		}
		return nil, err
	}
	s.Source = ethnode.NewPoolSource(s.pool, cfg.Poll.Std(), env.Log)
	s.Confirmations, s.Strict = cfg.Confirmations, cfg.Strict
	return s, nil
}

// Fetch implements sdk.Source. It writes the task's block and witness, and stores them in
// the archive where one is configured.
func (s *source) Fetch(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	if s.archiver == nil {
		return s.Source.Fetch(ctx, task)
	}
	result, err := s.Fetcher.Fetch(ctx, s.Request(task), func(name string) (ethnode.File, error) { return s.archiver.create(task, name) })
	if err == nil {
		s.archiver.store(ctx, task, result)
	}
	return result, err
}

// Note implements the SDK's noter.
func (s *source) Note() string { return s.note }

// Health implements the SDK's healther.
func (s *source) Health(context.Context) contract.Health { return s.pool.Health() }

// Close closes the pool and waits until the archive has stored everything.
func (s *source) Close() error {
	err := s.pool.Close()
	if s.archiver != nil {
		err = errors.Join(err, s.archiver.Close())
	}
	return err
}
