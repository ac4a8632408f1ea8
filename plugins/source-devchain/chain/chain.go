// Package chain runs a development chain: a go-ethereum node without network that makes a
// block every few seconds and serves it over JSON-RPC on loopback.
//
//	build ──► journal.Append (synced) ──► node (InsertChain) ──► JSON-RPC
//
// Every block is written to the journal and synced before the node serves it. The node's
// database is a cache of the journal. At start Open imports the blocks that the database
// lacks, or rebuilds the database where it is damaged, so that the same chain goes on
// after any crash.
package chain

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	gethnode "github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/version"

	"github.com/proofline/proofline/plugins/source-devchain/journal"
	"github.com/proofline/proofline/plugins/source-devchain/load"
)

var clientVersion = fmt.Sprintf("proofline-devchain/go-ethereum-%d.%d.%d", version.Major, version.Minor, version.Patch)

func keccak(data []byte) []byte { return crypto.Keccak256(data) }

// Config configures a chain.
type Config struct {
	Dir          string        // absolute path; only one process may use it at a time
	Seed         uint64        // seed of the accounts and the load
	Period       time.Duration // time between two blocks, at least a second
	Transactions int           // average number of transactions in a block
	ForkBlock    uint64        // first block of Amsterdam; 0 for never
	Log          *slog.Logger
}

// Chain is a running development chain.
type Chain struct {
	config  Config
	rules   *params.ChainConfig
	fork    *fork // nil where the chain has no fork
	load    *load.Generator
	journal *journal.Journal
	node    *node
	server  *server

	making sync.Mutex // held while a block is made

	mu      sync.Mutex
	changed chan struct{} // closed at the next block
	err     error         // why the last block could not be made; nil where it was made
	broken  bool          // only a restart removes err
}

// Open opens the chain in the directory, or creates one. It makes no block. The caller
// must call Close.
func Open(ctx context.Context, config Config) (*Chain, error) {
	fork, err := openFork(config, time.Now())
	if err != nil {
		return nil, err
	}
	return open(ctx, config, rules(fork), fork)
}

func open(ctx context.Context, config Config, rules *params.ChainConfig, fork *fork) (*Chain, error) {
	redirectLog(config.Log)
	c := &Chain{config: config, rules: rules, fork: fork, changed: make(chan struct{})}
	c.load = load.New(c.rules, config.Seed, config.Transactions)
	genesis := newGenesis(c.rules, fork, c.load.Alloc())
	var err error
	c.journal, err = journal.Open(filepath.Join(config.Dir, "journal"), genesis.ToBlock().Hash(), config.Log)
	if other, ok := errors.AsType[*journal.OtherChainError](err); ok {
		return nil, fmt.Errorf("the directory holds another chain, of another seed, fork or version of this program; go back to that, or delete %s to begin a new chain: %w", config.Dir, other)
	}
	if err != nil {
		return nil, err
	}
	if err := c.openNode(ctx, func() (*node, error) { return openNode(config.Dir, genesis) }); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if c.server, err = c.node.serve(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// openNode opens the node and imports the blocks of the journal. Where that fails it
// deletes the database and tries once more.
func (c *Chain) openNode(ctx context.Context, open func() (*node, error)) (err error) {
	for attempt := range 2 {
		if c.node, err = open(); err == nil {
			if err = c.catchUp(ctx); err == nil || ctx.Err() != nil {
				return err
			}
			err = errors.Join(err, c.node.close())
			c.node = nil
		}
		if attempt > 0 || errors.Is(err, gethnode.ErrDatadirUsed) || errors.Is(err, errJournal) || errors.Is(err, os.ErrPermission) {
			return err
		}
		c.config.Log.Warn("the chain's database is of no use: it is rebuilt from the journal", "error", err)
		if err := removeDatabase(c.config.Dir); err != nil {
			return err
		}
	}
	return err
}

// errJournal marks errors that rebuilding the database cannot remove.
var errJournal = errors.New("the journal cannot be read")

const (
	importBatch   = 128             // number of blocks that are imported at once
	progressEvery = 5 * time.Second // interval of log lines during a long import
)

// catchUp imports the journal's blocks that the database lacks. Where the database has
// more blocks, because the end of the journal was lost, it appends these to the journal.
// When ctx ends, the next start goes on with the rest.
func (c *Chain) catchUp(ctx context.Context) error {
	bc := c.node.BlockChain()
	last, lastHash := c.journal.Last()
	head := bc.CurrentBlock().Number.Uint64()
	if block := bc.GetBlockByNumber(min(head, last)); block == nil || head >= last && block.Hash() != lastHash {
		return fmt.Errorf("its block %d is not the journal's", min(head, last))
	}
	for number := last + 1; number <= head; number++ {
		block := bc.GetBlockByNumber(number)
		if block == nil {
			return fmt.Errorf("it has no block %d below its head %d", number, head)
		}
		if err := c.journal.Append(block); err != nil {
			return fmt.Errorf("%w: %w", errJournal, err)
		}
	}
	var batch types.Blocks
	logged := time.Now()
	insert := func() error {
		if n, err := bc.InsertChain(batch); err != nil {
			return fmt.Errorf("block %d of the journal is not accepted: %w", batch[n].NumberU64(), err)
		}
		batch = batch[:0]
		if time.Since(logged) > progressEvery {
			c.config.Log.Info("bringing the chain's database up to the journal", "block", bc.CurrentBlock().Number.Uint64(), "of", last)
			logged = time.Now()
		}
		return ctx.Err()
	}
	for block, err := range c.journal.Blocks(head + 1) {
		if err != nil {
			return fmt.Errorf("%w: %w", errJournal, err)
		}
		if batch = append(batch, block); len(batch) == importBatch {
			if err := insert(); err != nil {
				return err
			}
		}
	}
	return insert()
}

// Endpoint returns the URL of the node's JSON-RPC.
func (c *Chain) Endpoint() string { return c.server.endpoint }

// Head returns the newest block's header.
func (c *Chain) Head() *types.Header { return c.node.BlockChain().CurrentBlock() }

// Rules returns the chain config as JSON, in the form of the "config" object of a genesis
// file.
func (c *Chain) Rules() ([]byte, error) { return json.MarshalIndent(c.rules, "", "  ") }

// Changed returns a channel that is closed when the next block appears.
func (c *Chain) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Err returns the reason why the last block could not be made, nil where it was made.
func (c *Chain) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Run makes a block every period until the context ends. When a block cannot be made, Run
// logs the error and tries again after a period.
func (c *Chain) Run(ctx context.Context) {
	timer := time.NewTimer(c.untilNext(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		_, err := c.MakeBlock(uint64(time.Now().Unix()))
		if err != nil {
			c.config.Log.Error("no block could be made", "block", c.Head().Number.Uint64()+1, "error", err)
		}
		timer.Reset(c.untilNext(time.Now()))
	}
}

// untilNext returns the time until the next block is due: a period after the timestamp of
// the head, or a period from now after a failure.
func (c *Chain) untilNext(now time.Time) time.Duration {
	due := time.Unix(int64(c.Head().Time), 0).Add(max(c.config.Period, time.Second))
	if head := c.Head(); c.fork != nil && head.Number.Uint64() < c.fork.Block && due.Before(now.Add(-c.config.Period)) {
		// The chain was stopped before its fork, so the timestamps of its blocks lie in the
		// past. Without this it would make them all at once.
		due = now.Add(c.config.Period)
	}
	if c.Err() != nil {
		due = now.Add(max(c.config.Period, time.Second))
	}
	return max(due.Sub(now), 0)
}

// MakeBlock makes a block with the timestamp, writes it to the journal, and then adds it to
// the chain.
func (c *Chain) MakeBlock(timestamp uint64) (*types.Block, error) {
	c.making.Lock()
	defer c.making.Unlock()
	block, err := c.makeBlock(timestamp)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.broken {
		c.err = err
	}
	if err == nil {
		close(c.changed)
		c.changed = make(chan struct{})
	}
	return block, err
}

// makeBlock is MakeBlock without the record of its outcome. The caller must hold c.making.
func (c *Chain) makeBlock(timestamp uint64) (*types.Block, error) {
	if c.broken {
		return nil, c.Err()
	}
	block, err := c.build(timestamp)
	if err != nil {
		return nil, err
	}
	if err := c.journal.Append(block); err != nil {
		return nil, fmt.Errorf("block %d: %w", block.NumberU64(), err)
	}
	if _, err := c.node.BlockChain().InsertChain(types.Blocks{block}); err != nil {
		err = fmt.Errorf("block %d is in the journal but the node does not take it, restart the stage: %w", block.NumberU64(), err)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err, c.broken = err, true
		return nil, err
	}
	return block, nil
}

// Close stops the server and closes the node. Run must have returned.
func (c *Chain) Close() error {
	var errs []error
	if c.server != nil {
		errs = append(errs, c.server.close())
	}
	if c.node != nil {
		errs = append(errs, c.node.close())
	}
	return errors.Join(append(errs, c.journal.Close())...)
}

// random returns the prevRandao of a block, which follows from the seed and the number.
func (c *Chain) random(number uint64) common.Hash {
	material := binary.BigEndian.AppendUint64([]byte("proofline devchain randao"), c.config.Seed)
	return crypto.Keccak256Hash(binary.BigEndian.AppendUint64(material, number))
}
