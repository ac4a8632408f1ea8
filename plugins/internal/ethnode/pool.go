package ethnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/tick"
)

// Pool combines several nodes of one chain. It follows one node as long as that node
// works, and changes to the next best when it fails, lags behind or contradicts
// itself. It implements Chain and Supply.
type Pool struct {
	nodes      []*node
	log        *slog.Logger
	hedgeAfter time.Duration // fixed delay before a second node is asked; 0 for each node's own
	maxLag     time.Duration
	stop       context.CancelFunc
	done       sync.WaitGroup
	newBlocks  *signal
	fetches    *fetchQueue
	window     uint64 // configured, in blocks; 0 for each node's own

	wantChain  uint64        // configured chain id; 0 for the chain of the majority
	maxAge     time.Duration // largest age of a head; 0 for any
	allPrivate bool          // every node lies in a private network

	mu      sync.Mutex
	chainID uint64
	settled bool   // chainID has been returned to a caller and stays
	current *node  // the node that answered the last Head
	best    Header // the newest confirmed head
	headOld bool   // best is older than maxAge; already logged
}

// PoolOptions tune a Pool. The zero value of a field stands for its default.
type PoolOptions struct {
	// MaxLag is how much older than the newest known head the head of a node may be.
	// The default is 1 min.
	MaxLag time.Duration
	// HedgeAfter is how long to wait for a witness before a second node is asked for
	// it as well. The default is the 95th percentile of each node's own times.
	HedgeAfter time.Duration
	// Fetches is how many fetches may run at the same time. The default is 4.
	Fetches int
	// Window is the number of blocks below the head for which the nodes can make
	// witnesses. The default depends on the client software of each node.
	Window uint64
	// ChainID is the chain that the nodes must serve. The default is the chain that
	// most of them serve.
	ChainID uint64
	// MaxHeadAge is the largest age of the newest head, by its own timestamp, that
	// Health does not report; 0 for any age.
	MaxHeadAge time.Duration
	Log        *slog.Logger // nil for the default logger
}

// NewPool creates a pool and starts to watch its nodes. It probes each node once, and
// does not fail when none answers, because a node may start later. The caller must
// call Close.
func NewPool(ctx context.Context, endpoints []Endpoint, opt PoolOptions) (*Pool, error) {
	if len(endpoints) == 0 {
		return nil, contract.Permanent(errors.New("no endpoint is configured"))
	}
	p := &Pool{log: cmp.Or(opt.Log, slog.Default()), hedgeAfter: opt.HedgeAfter, maxLag: cmp.Or(opt.MaxLag, time.Minute), newBlocks: newSignal(),
		fetches: newFetchQueue(cmp.Or(opt.Fetches, 4)), window: opt.Window, wantChain: opt.ChainID, maxAge: opt.MaxHeadAge, allPrivate: true}
	for i, e := range endpoints {
		n, err := newNode(i, e)
		if err != nil {
			return nil, err
		}
		p.nodes = append(p.nodes, n)
		u, err := url.Parse(e.URL)
		p.allPrivate = p.allPrivate && err == nil && isPrivate(u.Hostname())
	}
	first, cancel := context.WithTimeout(ctx, 5*time.Second)
	p.probe(first, func(*node) bool { return true })
	cancel()
	background, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.done.Go(func() { p.watch(background) })
	for _, e := range endpoints {
		if e.WS != "" {
			w := &headSubscription{url: e.WS, name: redact.URL(e.WS), header: e.Options.Header, newBlocks: p.newBlocks, log: p.log,
				redactor: redact.New(slices.Concat(redact.SecretsOfURL(e.WS), redact.SecretsOfURL(e.URL), redact.SecretsOfHeader(e.Options.Header))...)}
			p.done.Go(func() { w.run(background) })
		}
	}
	return p, nil
}

// Close stops the goroutines of the pool and closes idle connections. It always
// returns nil.
func (p *Pool) Close() error {
	p.stop()
	p.done.Wait()
	for _, n := range p.nodes {
		n.Close()
	}
	return nil
}

// Wake returns a channel that is closed when a node next announces a head.
func (p *Pool) Wake() <-chan struct{} { return p.newBlocks.wait() }

// Intervals of watch.
const (
	watchFailing = time.Second
	watchWell    = 3 * time.Second
	probeWell    = 15 * time.Second
)

// watch runs until ctx ends. It probes failing nodes every watchFailing and the others
// every probeWell. While no node fails it wakes every watchWell.
func (p *Pool) watch(ctx context.Context) {
	probedAll := time.Now()
	for {
		pause := watchWell
		if !p.well() {
			pause = watchFailing
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.At(pause):
		}
		all := time.Since(probedAll) > probeWell-watchFailing
		if all {
			probedAll = time.Now()
		}
		p.probe(ctx, func(n *node) bool {
			left, _ := n.calls.blocked(time.Now())
			return left == 0 && (all || !n.well())
		})
	}
}

// well reports whether all nodes are well.
func (p *Pool) well() bool {
	return !slices.ContainsFunc(p.nodes, func(n *node) bool { return !n.well() })
}

// well reports whether the last call succeeded and the node is not syncing.
func (n *node) well() bool {
	failing := n.calls.failing()
	n.mu.Lock()
	defer n.mu.Unlock()
	return failing == nil && n.syncing == ""
}

// probe probes the nodes that pass the filter, and then compares all nodes.
func (p *Pool) probe(ctx context.Context, filter func(*node) bool) {
	var group sync.WaitGroup
	for _, n := range p.nodes {
		if filter(n) {
			group.Go(func() { n.probe(ctx) })
		}
	}
	group.Wait()
	if ctx.Err() == nil {
		p.compareNodes(ctx, time.Now())
	}
}

// order returns the usable nodes that pass the filter, the best first. The node that
// is followed keeps its place unless another is clearly better.
func (p *Pool) order(data Data, filter func(*node) bool) ([]*node, error) {
	now := time.Now()
	p.mu.Lock()
	current := p.current
	p.mu.Unlock()
	var list []*node
	var reasons []error
	for _, n := range p.nodes {
		if !filter(n) {
			continue
		}
		if err := n.usable(now, data); err != nil {
			reasons = append(reasons, err)
			continue
		}
		list = append(list, n)
	}
	if len(list) == 0 {
		after := time.Duration(0)
		for _, n := range p.nodes {
			left, _ := n.calls.blocked(now)
			if data == WitnessData {
				more, _ := n.witnesses.blocked(now)
				left = max(left, more)
			}
			if left > 0 && (after == 0 || left < after) {
				after = left
			}
		}
		return nil, &contract.Error{Class: contract.ClassEnvironment, After: after,
			Err:    fmt.Errorf("no endpoint is usable: %w", errors.Join(reasons...)),
			Remedy: "see `proofline doctor`, or add an endpoint"}
	}
	rank := make(map[*node]float64, len(list))
	for _, n := range list {
		rank[n] = n.rank(data)
		if n == current {
			rank[n] *= 1.25
		}
	}
	slices.SortStableFunc(list, func(a, b *node) int { return cmp.Compare(rank[b], rank[a]) })
	return list, nil
}

// ChainID returns the chain that all usable nodes serve. From the first call on the
// pool stays with that chain.
func (p *Pool) ChainID(ctx context.Context) (uint64, error) {
	p.mu.Lock()
	id := p.chainID
	p.mu.Unlock()
	if id == 0 {
		p.probe(ctx, func(n *node) bool {
			left, _ := n.calls.blocked(time.Now())
			return left == 0
		})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chainID == 0 {
		return 0, contract.Environment(fmt.Errorf("no endpoint answers eth_chainId: %w", errors.Join(p.failures()...)), "see `proofline doctor`, or add an endpoint")
	}
	p.settled = true
	return p.chainID, nil
}

// failures returns the last error of each node that fails.
func (p *Pool) failures() (list []error) {
	for _, n := range p.nodes {
		if err := n.calls.failing(); err != nil {
			list = append(list, err)
		}
	}
	return list
}

// Head returns the newest header of the best node. Headers then asks the same node.
func (p *Pool) Head(ctx context.Context) (Header, error) {
	return firstOf(p, canHead, func(n *node) (Header, error) {
		h, err := n.Head(ctx)
		if err == nil {
			err = n.recordHead(h)
		}
		if err == nil {
			p.mu.Lock()
			p.current = n
			p.mu.Unlock()
		}
		return h, err
	})
}

// Headers returns the canonical header of each number, nil where there is none. It
// asks the node that answered the last Head.
func (p *Pool) Headers(ctx context.Context, numbers []uint64) ([]*Header, error) {
	p.mu.Lock()
	current := p.current
	p.mu.Unlock()
	read := func(n *node) ([]*Header, error) {
		headers, err := n.Headers(ctx, numbers)
		if err == nil {
			err = n.contradiction(numbers, headers)
		}
		return headers, err
	}
	if current != nil && current.usable(time.Now(), BlockData) == nil {
		headers, err := read(current)
		current.calls.record(err)
		return headers, err
	}
	return firstOf(p, canHead, read)
}

// contradiction returns an error where the node lacks its own head or a block below.
// headers are its answer for the numbers.
func (n *node) contradiction(numbers []uint64, headers []*Header) error {
	head := n.lastHead().Number
	for i, h := range headers {
		if h == nil && numbers[i] <= head {
			return contract.Retryable(fmt.Errorf("%w: the head of %s is %d, but it does not have block %d", errInconsistent, n.name, head, numbers[i]))
		}
	}
	return nil
}

// Enter waits until a fetch of the block may begin. The caller must call leave at the
// end of the fetch. Of the waiting fetches, one whose block is about to leave the
// witness window begins first, then the one of the newest block.
func (p *Pool) Enter(ctx context.Context, number uint64) (leave func(), err error) {
	if err := p.fetches.enter(ctx, number); err != nil {
		return nil, err
	}
	return func() {
		var head, window uint64
		for _, n := range p.nodes {
			if canWitness(n) {
				n.mu.Lock()
				head, window = max(head, n.head.Number), max(window, n.window)
				n.mu.Unlock()
			}
		}
		p.fetches.leave(head, cmp.Or(p.window, window))
	}, nil
}

func canHead(n *node) bool    { return !n.noHead }
func canWitness(n *node) bool { return !n.noWitness }

// firstOf calls read with one usable node after the other until one succeeds.
func firstOf[T any](p *Pool, filter func(*node) bool, read func(*node) (T, error)) (T, error) {
	list, err := p.order(BlockData, filter)
	var answer T
	for _, n := range list {
		answer, err = read(n)
		n.calls.record(err)
		if err == nil || contract.ClassOf(err) == contract.ClassInterrupted {
			return answer, err
		}
	}
	return answer, err
}
