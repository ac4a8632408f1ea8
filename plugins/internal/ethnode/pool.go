package ethnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
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

	mu      sync.Mutex
	chainID uint64
	current *node // answered the last Head
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
	Log    *slog.Logger // nil for the default logger
}

// NewPool starts watching the nodes. It asks each once how it is, and does not
// fail when none answers: they may come up later. Close ends it.
func NewPool(ctx context.Context, endpoints []Endpoint, opt PoolOptions) (*Pool, error) {
	if len(endpoints) == 0 {
		return nil, contract.Permanent(errors.New("no endpoint is configured"))
	}
	p := &Pool{log: cmp.Or(opt.Log, slog.Default()), hedge: opt.HedgeAfter, maxLag: cmp.Or(opt.MaxLag, time.Minute), bell: newBell(),
		gate: newGate(cmp.Or(opt.Fetches, 4)), window: opt.Window}
	for i, e := range endpoints {
		n, err := newNode(i, e)
		if err != nil {
			return nil, err
		}
		p.nodes = append(p.nodes, n)
	}
	first, cancel := context.WithTimeout(ctx, 5*time.Second)
	p.probe(first, func(*node) bool { return true })
	cancel()
	background, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.done.Go(func() { p.watch(background) })
	for i, e := range endpoints {
		if e.WS != "" {
			w := &wakeup{url: e.WS, name: Redact(e.WS), header: e.Options.Header, bell: p.bell, log: p.log, node: p.nodes[i]}
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

// watch probes sick nodes every second and well ones every 15 s.
func (p *Pool) watch(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for tick := 1; ; tick++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		p.probe(ctx, func(n *node) bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			well := n.last == nil && n.syncing == ""
			return time.Now().After(n.until) && (!well || tick%15 == 0)
		})
	}
}

// probe asks the nodes that the filter passes how they are, and judges all.
func (p *Pool) probe(ctx context.Context, filter func(*node) bool) {
	var group sync.WaitGroup
	for _, n := range p.nodes {
		if filter(n) {
			group.Go(func() { _ = n.probe(ctx) }) // the node remembers the error
		}
	}
	group.Wait()
	if ctx.Err() == nil {
		p.judge(time.Now())
	}
}

// judge compares the nodes with each other: those on another chain than the
// first that answered, and those whose head is old, are refused. A head is
// believed to be the newest only if it does not lie in the future.
func (p *Pool) judge(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var best Header
	for _, n := range p.nodes {
		n.mu.Lock()
		p.chainID = cmp.Or(p.chainID, n.chainID)
		if n.chainID == p.chainID && n.syncing == "" && n.head.Time.After(best.Time) && n.head.Time.Before(now.Add(p.maxLag)) {
			best = n.head
		}
		n.mu.Unlock()
	}
	for _, n := range p.nodes {
		n.mu.Lock()
		switch lag := best.Time.Sub(n.head.Time); {
		case n.chainID != 0 && n.chainID != p.chainID:
			n.misfit = fmt.Sprintf("it serves chain %d, not chain %d as the others do", n.chainID, p.chainID)
		case n.chainID != 0 && n.head.Number < best.Number && lag > p.maxLag:
			n.misfit = fmt.Sprintf("its head %d is %v older than block %d", n.head.Number, lag, best.Number)
		default:
			n.misfit = ""
		}
		n.mu.Unlock()
		switch reason := n.usable(now); {
		case reason != nil && !n.out:
			n.out = true
			p.log.Warn("endpoint is out of use", "endpoint", n.name, "reason", reason)
		case reason == nil && n.out:
			n.out = false
			p.log.Info("endpoint is back in use", "endpoint", n.name)
		}
	}
}

// order returns the usable nodes that pass the filter, the best first; the one
// that is followed keeps its place unless another is clearly better.
func (p *Pool) order(filter func(*node) bool) ([]*node, error) {
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
		if err := n.usable(now); err != nil {
			reasons = append(reasons, err)
			continue
		}
		list = append(list, n)
	}
	if len(list) == 0 {
		after := time.Duration(0)
		for _, n := range p.nodes {
			n.mu.Lock()
			if left := n.until.Sub(now); left > 0 && (after == 0 || left < after) {
				after = left
			}
			n.mu.Unlock()
		}
		return nil, &contract.Error{Class: contract.ClassEnvironment, After: after,
			Err:    fmt.Errorf("no endpoint is usable: %w", errors.Join(reasons...)),
			Remedy: "see `proofline doctor`, or add an endpoint"}
	}
	rank := make(map[*node]float64, len(list))
	for _, n := range list {
		rank[n] = n.rank()
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
	if id != 0 {
		return id, nil
	}
	id, err := firstOf(p, func(n *node) bool { return true }, func(n *node) (uint64, error) { return n.ChainID(ctx) })
	if err == nil {
		p.mu.Lock()
		p.chainID = cmp.Or(p.chainID, id)
		p.mu.Unlock()
	}
	return id, err
}

// Head returns the newest header of the best node, which Headers then asks,
// too.
func (p *Pool) Head(ctx context.Context) (Header, error) {
	return firstOf(p, canHead, func(n *node) (Header, error) {
		h, err := n.Head(ctx)
		if err == nil {
			n.sawHead(h)
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
	if current != nil && current.usable(time.Now()) == nil {
		headers, err := ask(current)
		current.told(err)
		return headers, err
	}
	return firstOf(p, canHead, ask)
}

// contradiction is the error of a node that lacks blocks below its own head.
func (n *node) contradiction(numbers []uint64, headers []*Header) error {
	head := n.lastHead().Number
	for i, h := range headers {
		if h == nil && numbers[i] < head {
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
	list, err := p.order(filter)
	var answer T
	for _, n := range list {
		if answer, err = ask(n); err == nil || contract.ClassOf(err) == contract.ClassInterrupted {
			n.told(err)
			return answer, err
		}
		n.told(err)
	}
	return answer, err
}

// Health tells how many of the nodes are of use, from memory.
func (p *Pool) Health() contract.Health {
	now := time.Now()
	var reasons []error
	heads, witnesses := 0, 0
	for _, n := range p.nodes {
		if err := n.usable(now); err != nil {
			reasons = append(reasons, err)
			continue
		}
		n.mu.Lock()
		if n.last != nil && n.head.Number == 0 { // never answered yet
			reasons = append(reasons, n.last)
			n.mu.Unlock()
			continue
		}
		n.mu.Unlock()
		if canHead(n) {
			heads++
		}
		if canWitness(n) {
			witnesses++
		}
	}
	h := contract.Health{State: contract.HealthReady}
	if len(reasons) > 0 {
		h.State = contract.HealthDegraded
		h.Detail = errors.Join(reasons...).Error()
	}
	if heads == 0 || witnesses == 0 {
		h.State = contract.HealthUnavailable
	}
	return h
}
