package ethnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Endpoint describes one node of a Pool.
type Endpoint struct {
	URL    string  // http or https
	WS     string  // ws or wss, for newHeads; empty to poll only
	Weight float64 // preference among healthy nodes; 0 counts as 1
	// NoHead and NoWitness exclude the node from requests for heads and witnesses.
	NoHead, NoWitness bool
	Options           Options
}

// hedgeFirst is how long to wait for a witness before a second node is asked, while
// there are fewer than hedgeSamples times of earlier witnesses.
const (
	hedgeFirst   = 3 * time.Second
	hedgeSamples = 8
)

// slot is the time between two blocks. A head whose timestamp is further ahead of the
// clock is rejected.
const slot = 12 * time.Second

// node is a Client together with what is known of its health.
type node struct {
	*Client
	index     int
	weight    float64
	noHead    bool
	noWitness bool
	excluded  bool // as last written to the log; only Pool.compareNodes uses it

	calls     *reputation // of all calls
	witnesses *reputation // of the witnesses alone

	mu            sync.Mutex
	syncing       string          // why the node must not be used, by its own eth_syncing; empty if usable
	mismatch      string          // why the node must not be used, compared with the others; empty if usable
	chainID       uint64          // 0 until known
	window        uint64          // number of blocks below the head with witnesses; 0 until known
	head          Header          // the newest head it returned
	confirmedHead contract.Hash   // the last head that confirmHead confirmed
	latency       []time.Duration // times of the last witnesses, in no order
	next          int             // index of the oldest entry of latency once that is full
	// witnessesOffUntil is the end of the time in which the node is asked for
	// witnesses only after all others, because it does not offer the method.
	witnessesOffUntil time.Time
}

func newNode(index int, e Endpoint) (*node, error) {
	client, err := NewClient(e.URL, e.Options)
	if err != nil {
		return nil, err
	}
	return &node{Client: client, index: index, weight: cmp.Or(e.Weight, 1), noHead: e.NoHead, noWitness: e.NoWitness,
		calls: newReputation(), witnesses: newReputation()}, nil
}

// Label identifies the node among those of its pool, in facts and messages.
func (n *node) Label() string { return fmt.Sprintf("%d %s", n.index, n.name) }

// usable returns the reason why the node must not be asked for the data now, nil where
// it may be.
func (n *node) usable(now time.Time, data Data) error {
	left, cause := n.calls.blocked(now)
	if data == WitnessData {
		if longer, other := n.witnesses.blocked(now); longer > left {
			left, cause = longer, other
		}
	}
	if left > 0 {
		return fmt.Errorf("%s: left alone for %v after: %w", n.name, left.Round(time.Second), cause)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if reason := cmp.Or(n.mismatch, n.syncing); reason != "" {
		return fmt.Errorf("%s: %s", n.name, reason)
	}
	return nil
}

// rank is the weight of a usable node in the order of nodes. The node with the
// greatest rank comes first.
func (n *node) rank(data Data) float64 {
	rank := n.weight * n.calls.currentScore()
	if data == WitnessData {
		rank *= n.witnesses.currentScore()
	}
	return rank
}

// Reasons for the end of a fetch that are not the node's fault.
var (
	// errLost means that another node was faster.
	errLost = errors.New("another endpoint answered first")
	// errNotCompared means that the block did not arrive that the witness is compared with.
	errNotCompared = errors.New("the witness could not be compared with its block")
)

// recordHead keeps a head that the node returned. It fails when the head's timestamp
// lies more than a slot in the future.
func (n *node) recordHead(h Header) error {
	if ahead := time.Until(h.Time); ahead > slot {
		return contract.Retryable(fmt.Errorf("%s gives block %d as its head, whose time is %v ahead of the clock (the node's chain or this machine's clock is wrong)", n.name, h.Number, ahead.Round(time.Second)))
	}
	n.mu.Lock()
	n.head = h
	n.mu.Unlock()
	return nil
}

func (n *node) lastHead() Header {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.head
}

// recordWitnessTime keeps the times of the last 64 witnesses that were used. The time
// of a cancelled fetch must not be recorded: it says only how fast the other node was.
func (n *node) recordWitnessTime(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.latency) < 64 {
		n.latency = append(n.latency, d)
		return
	}
	n.latency[n.next] = d
	n.next = (n.next + 1) % len(n.latency)
}

// hedgeAfter returns the 95th percentile of the node's witness times, but at least
// 50 ms.
func (n *node) hedgeAfter() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.latency) < hedgeSamples {
		return hedgeFirst
	}
	sorted := slices.Sorted(slices.Values(n.latency))
	return max(sorted[len(sorted)*95/100], 50*time.Millisecond)
}

// probe asks the node for its chain, its head and whether it is syncing, and records
// the outcome.
func (n *node) probe(ctx context.Context) {
	id, err := n.ChainID(ctx)
	reason := ""
	if err == nil {
		var syncing bool
		var behind uint64
		syncing, behind, err = n.Syncing(ctx)
		if errors.Is(err, ErrNoMethod) {
			err = nil // some providers do not offer eth_syncing
		}
		if syncing {
			reason = fmt.Sprintf("it is syncing, %d blocks behind", behind)
		}
	}
	if err == nil {
		var h Header
		if h, err = n.Head(ctx); err == nil {
			err = n.recordHead(h)
		}
	}
	n.mu.Lock()
	window := n.window
	n.mu.Unlock()
	if err == nil && window == 0 {
		window = defaultWindow("")
		if version, e := n.ClientVersion(ctx); e == nil {
			window = defaultWindow(version)
		}
	}
	n.calls.record(err)
	if err != nil {
		return
	}
	n.mu.Lock()
	n.chainID, n.syncing, n.window = id, reason, window
	n.mu.Unlock()
}

// confirmHead reports whether the node's chain holds the node's head at the head's
// number, and the block below at its number. A node cannot pass with a head whose
// number it invented.
func (n *node) confirmHead(ctx context.Context, below Header) bool {
	head := n.lastHead()
	n.mu.Lock()
	confirmed := n.confirmedHead == head.Hash
	n.mu.Unlock()
	if confirmed {
		return true
	}
	numbers := []uint64{head.Number}
	if below.Number > 0 && below.Number < head.Number {
		numbers = []uint64{below.Number, head.Number}
	}
	headers, err := n.Headers(ctx, numbers)
	if err != nil || slices.Contains(headers, nil) || headers[len(headers)-1].Hash != head.Hash {
		return false
	}
	if len(headers) == 2 && headers[0].Hash != below.Hash {
		return false
	}
	n.mu.Lock()
	n.confirmedHead = head.Hash
	n.mu.Unlock()
	return true
}
