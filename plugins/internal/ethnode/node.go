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
	WS     string  // ws or wss, for newHeads; may be empty
	Weight float64 // preference among healthy nodes; 0 counts as 1
	// NoHead and NoWitness keep the node from being asked for that.
	NoHead, NoWitness bool
	Options           Options
}

// hedgeFirst is how long a witness is waited for before a second node is asked,
// until there are samples enough to know better.
const (
	hedgeFirst   = 3 * time.Second
	hedgeSamples = 8
)

// slot is the time between two blocks. A head whose timestamp is further ahead of
// the clock is not believed.
const slot = 12 * time.Second

// node is a Client and what is known of its health.
type node struct {
	*Client
	index     int
	weight    float64
	noHead    bool
	noWitness bool
	out       bool // as last written to the log; used by Pool.judge alone

	calls     *standing // heads, blocks, and whether it answers at all
	witnesses *standing // what it gives as witnesses

	mu      sync.Mutex
	syncing string        // why the node must not be used though it answers: its own word
	misfit  string        // the same, compared with the other nodes
	chainID uint64        // 0 until known
	window  uint64        // blocks for which it can make witnesses; 0 until known
	head    Header        // the newest it told
	proven  contract.Hash // the head whose place in the chain was looked at
	latency []time.Duration
	next    int // in latency, once it is full
	// noWitnessUntil ends the time in which the node is not expected to offer
	// witnesses, because it said so.
	noWitnessUntil time.Time
}

func newNode(index int, e Endpoint) (*node, error) {
	client, err := NewClient(e.URL, e.Options)
	if err != nil {
		return nil, err
	}
	return &node{Client: client, index: index, weight: cmp.Or(e.Weight, 1), noHead: e.NoHead, noWitness: e.NoWitness,
		calls: newStanding(), witnesses: newStanding()}, nil
}

// Label names the node among those of its pool, for facts and messages.
func (n *node) Label() string { return fmt.Sprintf("%d %s", n.index, n.name) }

// usable says why the node must not be asked now for the data.
func (n *node) usable(now time.Time, data Data) error {
	left, cause := n.calls.blocked(now)
	if data == WitnessData {
		if more, why := n.witnesses.blocked(now); more > left {
			left, cause = more, why
		}
	}
	if left > 0 {
		return fmt.Errorf("%s: left alone for %v after: %w", n.name, left.Round(time.Second), cause)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if reason := cmp.Or(n.misfit, n.syncing); reason != "" {
		return fmt.Errorf("%s: %s", n.name, reason)
	}
	return nil
}

// rank orders usable nodes, the greatest first.
func (n *node) rank(data Data) float64 {
	rank := n.weight * n.calls.rank()
	if data == WitnessData {
		rank *= n.witnesses.rank()
	}
	return rank
}

// Causes of a fetch's end that are not the node's fault.
var (
	// errLost: another node was faster.
	errLost = errors.New("another endpoint answered first")
	// errUnjudged: what the witness is compared with did not arrive.
	errUnjudged = errors.New("the witness could not be compared with its block")
)

// sawHead keeps a head that the node told, unless it lies in the future.
func (n *node) sawHead(h Header) error {
	if ahead := time.Until(h.Time); ahead > slot {
		return contract.Retryable(fmt.Errorf("%s says its head is block %d, whose time is %v ahead of the clock (the node's chain or this machine's clock is wrong)", n.name, h.Number, ahead.Round(time.Second)))
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

// tookWitness keeps the times of the last 64 witnesses that were of use. What a
// slower node took until it was called off says only how fast the other one was.
func (n *node) tookWitness(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.latency) < 64 {
		n.latency = append(n.latency, d)
		return
	}
	n.latency[n.next] = d
	n.next = (n.next + 1) % len(n.latency)
}

// hedgeAfter is the 95th percentile of the node's witness times.
func (n *node) hedgeAfter() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.latency) < hedgeSamples {
		return hedgeFirst
	}
	sorted := slices.Sorted(slices.Values(n.latency))
	return max(sorted[len(sorted)*95/100], 50*time.Millisecond)
}

// probe asks which chain the node serves, whether it syncs, and for its head.
func (n *node) probe(ctx context.Context) {
	id, err := n.ChainID(ctx)
	reason := ""
	if err == nil {
		var syncing bool
		var behind uint64
		syncing, behind, err = n.Syncing(ctx)
		if errors.Is(err, ErrNoMethod) {
			err = nil // some providers hide it
		}
		if syncing {
			reason = fmt.Sprintf("it is syncing, %d blocks behind", behind)
		}
	}
	if err == nil {
		var h Header
		if h, err = n.Head(ctx); err == nil {
			err = n.sawHead(h)
		}
	}
	n.mu.Lock()
	window := n.window
	n.mu.Unlock()
	if err == nil && window == 0 {
		window = windowOf("")
		if version, e := n.ClientVersion(ctx); e == nil {
			window = windowOf(version)
		}
	}
	n.calls.told(err)
	if err != nil {
		return
	}
	n.mu.Lock()
	n.chainID, n.syncing, n.window = id, reason, window
	n.mu.Unlock()
}

// prove looks whether the node's head has a place in its chain: the block of that
// number is that block, and the one that lies below it, at the number given, has
// the hash given. Neither can be said of a number that was made up.
func (n *node) prove(ctx context.Context, below Header) bool {
	head := n.lastHead()
	n.mu.Lock()
	proven := n.proven == head.Hash
	n.mu.Unlock()
	if proven {
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
	n.proven = head.Hash
	n.mu.Unlock()
	return true
}
