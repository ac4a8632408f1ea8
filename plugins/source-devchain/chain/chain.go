// Package chain runs a development chain: a go-ethereum node without network that
// makes a block every few seconds and serves it over JSON-RPC on loopback.
//
// What makes the chain last is the journal, to which every block is written, and
// synced, before the node shows it to anyone. The node's database is a cache of
// it: at start it is brought up to the journal's last block, or rebuilt where it
// is damaged, so that after any crash the same chain goes on.
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

// Config says what chain it is.
type Config struct {
	Dir          string        // absolute; of one process at a time
	Seed         uint64        // of the accounts and the load
	Period       time.Duration // between blocks, at least a second
	Transactions int           // per block on average
	ForkBlock    uint64        // the first one by the rules of Amsterdam; 0 for never
	Log          *slog.Logger
}

// Chain is a running development chain.
type Chain struct {
	config  Config
	rules   *params.ChainConfig
	fork    *fork // nil: none
	load    *load.Generator
	journal *journal.Journal
	node    *node
	server  *server

	minting sync.Mutex // held while a block is made

	mu      sync.Mutex
	changed chan struct{} // closed at the next block
	err     error         // why no block is made; nil while all is well
	broken  bool          // err can be cured by a restart only
}

// Open continues the chain in the directory, or begins one. No block is made
// before Run or Mint.
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

// openNode opens the node and brings it up to the journal. Where the database is
// of no use it is rebuilt once.
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

// errJournal marks errors that no rebuilding of the database can mend.
var errJournal = errors.New("the journal cannot be read")

const (
	importBatch   = 128             // blocks that are imported at once
	progressEvery = 5 * time.Second // how often a long import is told
)

// catchUp imports the journal's blocks that the database lacks. Where the
// database is ahead, because the end of the journal was lost, it lends the
// journal its blocks. Cut off, it goes on at the next start where it was.
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
	told := time.Now()
	insert := func() error {
		if n, err := bc.InsertChain(batch); err != nil {
			return fmt.Errorf("block %d of the journal is not accepted: %w", batch[n].NumberU64(), err)
		}
		batch = batch[:0]
		if time.Since(told) > progressEvery {
			c.config.Log.Info("bringing the chain's database up to the journal", "block", bc.CurrentBlock().Number.Uint64(), "of", last)
			told = time.Now()
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

// Endpoint is the URL of the node's JSON-RPC.
func (c *Chain) Endpoint() string { return c.server.endpoint }

// Head returns the newest block's header.
func (c *Chain) Head() *types.Header { return c.node.BlockChain().CurrentBlock() }

// Rules returns the chain config as JSON, in the shape of a genesis file's
// "config".
func (c *Chain) Rules() ([]byte, error) { return json.MarshalIndent(c.rules, "", "  ") }

// Changed returns a channel that is closed when the next block appears.
func (c *Chain) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Err says why no blocks are made; nil while they are.
func (c *Chain) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Run makes a block every period until the context ends. A block that cannot be
// made is tried again at the next turn; Err tells.
func (c *Chain) Run(ctx context.Context) {
	timer := time.NewTimer(c.untilNext(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		_, err := c.Mint(uint64(time.Now().Unix()))
		if err != nil {
			c.config.Log.Error("no block could be made", "block", c.Head().Number.Uint64()+1, "error", err)
		}
		timer.Reset(c.untilNext(time.Now()))
	}
}

// untilNext is the time until the next block is due: a period after the head, in
// whole seconds of its timestamp, and a second after a failure at least.
func (c *Chain) untilNext(now time.Time) time.Duration {
	due := time.Unix(int64(c.Head().Time), 0).Add(max(c.config.Period, time.Second))
	if head := c.Head(); c.fork != nil && head.Number.Uint64() < c.fork.Block && due.Before(now.Add(-c.config.Period)) {
		// The chain stood still before its fork, and its blocks keep to the time
		// before: it goes on at its pace.
		due = now.Add(c.config.Period)
	}
	if c.Err() != nil {
		due = now.Add(max(c.config.Period, time.Second))
	}
	return max(due.Sub(now), 0)
}

// Mint makes a block with the timestamp, journals it, and only then adds it to
// the chain.
func (c *Chain) Mint(timestamp uint64) (*types.Block, error) {
	c.minting.Lock()
	defer c.minting.Unlock()
	block, err := c.mint(timestamp)
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

func (c *Chain) mint(timestamp uint64) (*types.Block, error) {
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

// Close stops serving and closes the node. Run must have returned.
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

// random is the block's prevRandao: known beforehand, different in every block.
func (c *Chain) random(number uint64) common.Hash {
	material := binary.BigEndian.AppendUint64([]byte("proofline devchain randao"), c.config.Seed)
	return crypto.Keccak256Hash(binary.BigEndian.AppendUint64(material, number))
}
