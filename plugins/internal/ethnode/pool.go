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

// Pool is several nodes of one chain that stand for one. It follows one node as
// long as that is well, and changes to the next best when it fails, lags behind
// or contradicts itself. It implements Chain and Supply.
type Pool struct {
	nodes  []*node
	log    *slog.Logger
	hedge  time.Duration // fixed delay before a second node is asked; 0 learns it
	maxLag time.Duration
	stop   context.CancelFunc
	done   sync.WaitGroup
	bell   *bell
	gate   *gate
	window uint64 // configured; 0 for what is known of the nodes

	wantChain uint64        // configured; 0 for what most nodes serve
	maxAge    time.Duration // of a head; 0 for any
	near      bool          // every node lies in a private network

	mu      sync.Mutex
	chainID uint64
	settled bool   // chainID was handed out
	current *node  // answered the last Head
	best    Header // the newest that is believed
	old     bool   // best is older than maxAge, and the log says so
}

// PoolOptions tune a Pool. The zero value of a field stands for its default.
type PoolOptions struct {
	// MaxLag is how much older than the newest known head a node's own may be;
	// 1 min.
	MaxLag time.Duration
	// HedgeAfter is how long a witness is waited for before a second node is
	// asked for it, too. By default it is each node's own 95th percentile.
	HedgeAfter time.Duration
	// Fetches is how many fetches may run at the same time; 4.
	Fetches int
	// Window is for how many blocks below the head the nodes can make witnesses.
	// By default it is what is known of their make.
	Window uint64
	// ChainID is the chain that the nodes must serve. By default it is what most of
	// them do.
	ChainID uint64
	// MaxHeadAge is how old the newest head may be, by its own time, before the
	// pool counts as degraded; 0 for any age.
	MaxHeadAge time.Duration
	Log        *slog.Logger // nil for the default logger
}

// NewPool starts watching the nodes. It asks each once how it is, and does not
// fail when none answers: they may come up later. Close ends it.
func NewPool(ctx context.Context, endpoints []Endpoint, opt PoolOptions) (*Pool, error) {
	if len(endpoints) == 0 {
		return nil, contract.Permanent(errors.New("no endpoint is configured"))
	}
	p := &Pool{log: cmp.Or(opt.Log, slog.Default()), hedge: opt.HedgeAfter, maxLag: cmp.Or(opt.MaxLag, time.Minute), bell: newBell(),
		gate: newGate(cmp.Or(opt.Fetches, 4)), window: opt.Window, wantChain: opt.ChainID, maxAge: opt.MaxHeadAge, near: true}
	for i, e := range endpoints {
		n, err := newNode(i, e)
		if err != nil {
			return nil, err
		}
		p.nodes = append(p.nodes, n)
		u, err := url.Parse(e.URL)
		p.near = p.near && err == nil && isPrivate(u.Hostname())
	}
	first, cancel := context.WithTimeout(ctx, 5*time.Second)
	p.probe(first, func(*node) bool { return true })
	cancel()
	background, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.done.Go(func() { p.watch(background) })
	for _, e := range endpoints {
		if e.WS != "" {
			w := &wakeup{url: e.WS, name: redact.URL(e.WS), header: e.Options.Header, bell: p.bell, log: p.log,
				redactor: redact.New(slices.Concat(redact.SecretsOfURL(e.WS), redact.SecretsOfURL(e.URL), redact.SecretsOfHeader(e.Options.Header))...)}
			p.done.Go(func() { w.run(background) })
		}
	}
	return p, nil
}

// Close stops the watching and drops connections.
func (p *Pool) Close() error {
	p.stop()
	p.done.Wait()
	for _, n := range p.nodes {
		n.Close()
	}
	return nil
}

// Wake returns a channel that is closed at the next newHeads message of any
// node.
func (p *Pool) Wake() <-chan struct{} { return p.bell.wait() }

// How often the nodes are looked at, and how often a well one is asked.
const (
	watchSick = time.Second
	watchWell = 3 * time.Second
	probeWell = 15 * time.Second
)

// watch probes sick nodes every watchSick and well ones every probeWell. While all are
// well it looks every watchWell.
func (p *Pool) watch(ctx context.Context) {
	asked := time.Now()
	for {
		pause := watchWell
		if !p.well() {
			pause = watchSick
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.At(pause):
		}
		all := time.Since(asked) > probeWell-watchSick
		if all {
			asked = time.Now()
		}
		p.probe(ctx, func(n *node) bool {
			left, _ := n.calls.blocked(time.Now())
			return left == 0 && (all || !n.well())
		})
	}
}

// well reports whether nothing is known against any node.
func (p *Pool) well() bool {
	return !slices.ContainsFunc(p.nodes, func(n *node) bool { return !n.well() })
}

// well reports whether the last call went well and the node has all blocks.
func (n *node) well() bool {
	failing := n.calls.failing()
	n.mu.Lock()
	defer n.mu.Unlock()
	return failing == nil && n.syncing == ""
}

// probe asks the nodes that the filter passes how they are, and judges all.
func (p *Pool) probe(ctx context.Context, filter func(*node) bool) {
	var group sync.WaitGroup
	for _, n := range p.nodes {
		if filter(n) {
			group.Go(func() { n.probe(ctx) })
		}
	}
	group.Wait()
	if ctx.Err() == nil {
		p.judge(ctx, time.Now())
	}
}

// order returns the usable nodes that pass the filter, the best first; the one
// that is followed keeps its place unless another is clearly better.
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

// ChainID is the chain that all usable nodes serve.
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
		return 0, contract.Environment(fmt.Errorf("no endpoint tells its chain: %w", errors.Join(p.failures()...)), "see `proofline doctor`, or add an endpoint")
	}
	p.settled = true
	return p.chainID, nil
}

// failures are the last errors of the nodes.
func (p *Pool) failures() (list []error) {
	for _, n := range p.nodes {
		if err := n.calls.failing(); err != nil {
			list = append(list, err)
		}
	}
	return list
}

// Head returns the newest header of the best node, which Headers then asks,
// too.
func (p *Pool) Head(ctx context.Context) (Header, error) {
	return firstOf(p, canHead, func(n *node) (Header, error) {
		h, err := n.Head(ctx)
		if err == nil {
			err = n.sawHead(h)
		}
		if err == nil {
			p.mu.Lock()
			p.current = n
			p.mu.Unlock()
		}
		return h, err
	})
}

// Headers asks the node that the head came from.
func (p *Pool) Headers(ctx context.Context, numbers []uint64) ([]*Header, error) {
	p.mu.Lock()
	current := p.current
	p.mu.Unlock()
	ask := func(n *node) ([]*Header, error) {
		headers, err := n.Headers(ctx, numbers)
		if err == nil {
			err = n.contradiction(numbers, headers)
		}
		return headers, err
	}
	if current != nil && current.usable(time.Now(), BlockData) == nil {
		headers, err := ask(current)
		current.calls.told(err)
		return headers, err
	}
	return firstOf(p, canHead, ask)
}

// contradiction is the error of a node that lacks its own head, or blocks below it.
func (n *node) contradiction(numbers []uint64, headers []*Header) error {
	head := n.lastHead().Number
	for i, h := range headers {
		if h == nil && numbers[i] <= head {
			return contract.Retryable(fmt.Errorf("%w: %s says its head is %d, but does not have block %d", errInconsistent, n.name, head, numbers[i]))
		}
	}
	return nil
}

// Enter waits until a fetch may begin. Of those waiting, a block that is about
// to leave the window goes first, then the newest one.
func (p *Pool) Enter(ctx context.Context, number uint64) (leave func(), err error) {
	if err := p.gate.enter(ctx, number); err != nil {
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
		p.gate.leave(head, cmp.Or(p.window, window))
	}, nil
}

func canHead(n *node) bool    { return !n.noHead }
func canWitness(n *node) bool { return !n.noWitness }

// firstOf asks one node after the other until one answers.
func firstOf[T any](p *Pool, filter func(*node) bool, ask func(*node) (T, error)) (T, error) {
	list, err := p.order(BlockData, filter)
	var answer T
	for _, n := range list {
		answer, err = ask(n)
		n.calls.told(err)
		if err == nil || contract.ClassOf(err) == contract.ClassInterrupted {
			return answer, err
		}
	}
	return answer, err
}
