package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-devchain/chain"
	"github.com/proofline/proofline/sdk"
)

// source implements sdk.Source. Package ethnode follows the chain and fetches its blocks;
// source runs the chain, and adds chain.json to what is fetched.
type source struct {
	*ethnode.Source
	chain  *chain.Chain
	client *ethnode.Client
	period time.Duration
	rules  []byte

	stop    context.CancelFunc
	running sync.WaitGroup
}

func open(ctx context.Context, config Config, env sdk.Env) (*source, error) {
	c, err := chain.Open(ctx, chain.Config{
		Dir: env.StateDir, Seed: config.Seed, Period: config.Period.Std(), Transactions: config.Transactions, ForkBlock: config.forkBlock(), Log: env.Log,
	})
	if err != nil {
		return nil, sdk.Environment(fmt.Errorf("the development chain cannot be opened: %w", err), "see the stage's state directory "+env.StateDir)
	}
	s := &source{chain: c, period: config.Period.Std()}
	if err := s.start(env.Log); err != nil {
		return nil, fmt.Errorf("the development chain does not start: %w", err)
	}
	return s, nil
}

// start begins to make blocks. A new chain gets its first block at once, because the
// genesis block has no witness and a follower must not find it as the head.
func (s *source) start(log *slog.Logger) (err error) {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if s.rules, err = s.chain.Rules(); err != nil {
		return err
	}
	if s.client, err = ethnode.NewClient(s.chain.Endpoint(), ethnode.Options{}); err != nil {
		return err
	}
	if s.chain.Head().Number.Sign() == 0 {
		if _, err = s.chain.MakeBlock(uint64(time.Now().Unix())); err != nil {
			return err
		}
	}
	s.Source = ethnode.NewSource(s.client, s.period, log)
	s.Source.Wake = s.chain.Changed
	s.running.Go(func() { s.chain.Run(ctx) })
	return nil
}

// Fetch implements sdk.Source. It writes the task's block, its witness and chain.json.
func (s *source) Fetch(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	result, err := s.Source.Fetch(ctx, task)
	if err != nil {
		return nil, err
	}
	rules, err := task.WriteFile(sdk.ArtifactChain, s.rules)
	if err != nil {
		return nil, err
	}
	result.Outputs = append(result.Outputs, rules)
	return result, nil
}

// Health implements the SDK's healther. It is degraded while no block can be made.
func (s *source) Health(context.Context) sdk.Health {
	if err := s.chain.Err(); err != nil {
		return sdk.Health{State: sdk.HealthDegraded, Detail: "no new blocks: " + err.Error()}
	}
	return sdk.Health{State: sdk.HealthReady}
}

// Note implements the SDK's noter.
func (s *source) Note() string {
	return fmt.Sprintf("development chain %d with a block every %v; JSON-RPC at %s", chain.ID, s.period, s.chain.Endpoint())
}

// Close stops the chain. Its blocks are on the disk already.
func (s *source) Close() error {
	s.stop()
	s.running.Wait()
	if s.client != nil {
		_ = s.client.Close() // idle connections only
	}
	return s.chain.Close()
}
