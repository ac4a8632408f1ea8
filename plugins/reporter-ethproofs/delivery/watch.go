package delivery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// EthProofs counts a block that is announced and unproved at 20 minutes against
// the operator.
const (
	overdueAfter = 15 * time.Minute
	watchEvery   = time.Minute
	// remember is how long settled blocks stay in the ledger.
	remember = 90 * 24 * time.Hour
)

// watch warns once of each block whose proof is overdue and keeps the ledger
// small, until the context ends.
func (c *Courier) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var pruned time.Time
	for {
		c.warnOverdue()
		if time.Since(pruned) > 24*time.Hour {
			pruned = time.Now()
			if n, err := c.ledger.Prune(time.Now().Add(-remember)); err != nil {
				c.options.Log.Warn("the ledger could not be pruned", "error", err)
			} else if n > 0 {
				c.options.Log.Debug("old entries left the ledger", "entries", n)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// warnOverdue looks the overdue blocks up and warns of those that are new.
func (c *Courier) warnOverdue() {
	blocks, err := c.openBlocks(time.Now().Add(-overdueAfter))
	if err != nil {
		c.options.Log.Warn("overdue blocks could not be looked up", "error", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	overdue := make(map[uint64]bool, len(blocks))
	for _, block := range blocks {
		overdue[block.Number] = true
		if !c.overdue[block.Number] {
			c.options.Log.Warn("a block is announced and not proved; EthProofs counts it against the cluster from 20 minutes on",
				"block", block.Number, "announced", block.Since.UTC())
		}
	}
	c.overdue = overdue
}

// openBlocks returns the blocks of the cluster's version that were announced
// before the time and are not proved.
func (c *Courier) openBlocks(before time.Time) ([]ledger.OpenBlock, error) {
	version, err := c.ledger.Version(c.options.URL, c.options.Cluster)
	if err != nil || version == 0 {
		return nil, err
	}
	target := ledger.Target{URL: c.options.URL, Cluster: c.options.Cluster, Version: version}
	return c.ledger.OpenBlocks(target, before)
}

// settle takes a block off the overdue ones.
func (c *Courier) settle(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.overdue, number)
}

// Health is ready unless EthProofs takes nothing or proofs are overdue. It never
// says unavailable: the host's retries find out when the server is back.
func (c *Courier) Health() contract.Health {
	if text := c.trouble.describe(); text != "" {
		return contract.Health{State: contract.HealthDegraded, Detail: text}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.overdue) > 0 {
		first := slices.Min(slices.Collect(maps.Keys(c.overdue)))
		return contract.Health{State: contract.HealthDegraded, Detail: fmt.Sprintf(
			"%d blocks are announced and not proved for over 15 minutes, the first is %d", len(c.overdue), first)}
	}
	return contract.Health{State: contract.HealthReady}
}

// numberLocks serialises the deliveries of one block number, whose hashes may
// differ after a reorg.
type numberLocks struct {
	mu   *sync.Mutex
	held map[uint64]chan struct{} // closed when released
}

func newNumberLocks() numberLocks {
	return numberLocks{mu: new(sync.Mutex), held: make(map[uint64]chan struct{})}
}

func (n numberLocks) lock(ctx context.Context, number uint64) (unlock func(), err error) {
	for {
		n.mu.Lock()
		other, taken := n.held[number]
		if !taken {
			own := make(chan struct{})
			n.held[number] = own
			n.mu.Unlock()
			return func() {
				n.mu.Lock()
				delete(n.held, number)
				n.mu.Unlock()
				close(own)
			}, nil
		}
		n.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
