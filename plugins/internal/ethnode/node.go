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

// Circuit breaker: after so many failures in a row a node is left alone, first
// for breakerFirst, then twice as long each time, up to breakerMost.
const (
	breakerFailures = 3
	breakerFirst    = time.Second
	breakerMost     = time.Minute
)

// hedgeFirst is how long a witness is waited for before a second node is asked,
// until there are samples enough to know better.
const (
	hedgeFirst   = 3 * time.Second
	hedgeSamples = 8
)

// node is a Client and what is known of its health.
type node struct {
	*Client
	index     int
	weight    float64
	noHead    bool
	noWitness bool
	out       bool // as last written to the log; used by Pool.judge alone

	mu       sync.Mutex
	score    float64 // share of calls that went well, the recent ones counting most
	failures int     // in a row
	until    time.Time
	opened   int    // how often the breaker opened in a row
	last     error  // of the last failure
	syncing  string // why the node must not be used though it answers: its own word
	misfit   string // the same, compared with the other nodes
	chainID  uint64 // 0 until known
	window   uint64 // blocks for which it can make witnesses; 0 until known
	head     Header // the newest it told
	latency  []time.Duration
	next     int // in latency, once it is full
	// noWitnessUntil ends the time in which the node is not expected to offer
	// witnesses, because it said so.
	noWitnessUntil time.Time
}

// usable says why the node must not be asked now.
func (n *node) usable(now time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Before(n.until) {
		return fmt.Errorf("%s: left alone for %v after: %w", n.name, n.until.Sub(now).Round(time.Second), n.last)
	}
	if reason := cmp.Or(n.misfit, n.syncing); reason != "" {
		return fmt.Errorf("%s: %s", n.name, reason)
	}
	return nil
}

// rank orders usable nodes, the greatest first.
func (n *node) rank() float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.weight * n.score
}

// errLost is the cause of a call that was given up because another node was
// faster.
var errLost = errors.New("another endpoint answered first")

// told records the outcome of a call.
func (n *node) told(err error) {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoMethod) || errors.Is(err, ErrOutsideWindow) ||
		errors.Is(err, errLost) || contract.ClassOf(err) == contract.ClassInterrupted && err != nil {
		return // says nothing about the node's health
	}
	const memory = 0.8
	n.mu.Lock()
	defer n.mu.Unlock()
	n.score *= memory
	if err == nil {
		n.score += 1 - memory
		n.failures, n.opened, n.last = 0, 0, nil
		n.until = time.Time{}
		return
	}
	n.last = err
	n.failures++
	pause := time.Duration(0)
	if n.failures >= breakerFailures {
		pause = min(breakerFirst<<min(n.opened, 10), breakerMost)
		n.opened++
		n.failures = breakerFailures - 1 // one more failure opens it again
	}
	if e, ok := errors.AsType[*contract.Error](err); ok && e.Class == contract.ClassEnvironment {
		pause = max(pause, e.After) // a rate limit
	}
	if pause > 0 {
		n.until = time.Now().Add(pause)
	}
}

func (n *node) sawHead(h Header) {
	n.mu.Lock()
	n.head = h
	n.mu.Unlock()
}

func (n *node) lastHead() Header {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.head
}

// tookWitness keeps the times of the last 64 witnesses.
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
func (n *node) probe(ctx context.Context) error {
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
			n.sawHead(h)
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
	n.told(err)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.chainID, n.syncing, n.window = id, reason, window
	n.mu.Unlock()
	return nil
}

func newNode(index int, e Endpoint) (*node, error) {
	client, err := NewClient(e.URL, e.Options)
	if err != nil {
		return nil, err
	}
	return &node{Client: client, index: index, weight: cmp.Or(e.Weight, 1), noHead: e.NoHead, noWitness: e.NoWitness, score: 1}, nil
}
