package ethnode

import (
	"context"
	"fmt"
	"time"
)

// judge compares the nodes with each other: those on another chain, and those whose
// head is old, are refused. ctx bounds what has to be asked for that.
func (p *Pool) judge(ctx context.Context, now time.Time) {
	chain := p.electChain()
	best := p.newestHead(ctx, chain, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chainID, p.best = chain, best
	for _, n := range p.nodes {
		n.mu.Lock()
		switch lag := best.Time.Sub(n.head.Time); {
		case n.chainID != 0 && n.chainID != chain:
			n.misfit = fmt.Sprintf("it serves chain %d, not chain %d as %s", n.chainID, chain, p.chainBecause())
		case n.chainID != 0 && n.head.Number < best.Number && lag > p.maxLag:
			n.misfit = fmt.Sprintf("its head %d is %v older than block %d", n.head.Number, lag, best.Number)
		default:
			n.misfit = ""
		}
		n.mu.Unlock()
		switch reason := n.usable(now, BlockData); {
		case reason != nil && !n.out:
			n.out = true
			p.log.Warn("endpoint is out of use", "endpoint", n.name, "reason", reason)
		case reason == nil && n.out:
			n.out = false
			p.log.Info("endpoint is back in use", "endpoint", n.name)
		}
	}
	p.noteAge(now)
}

func (p *Pool) chainBecause() string {
	if p.wantChain != 0 {
		return "configured"
	}
	return "the others do"
}

// electChain is the chain to follow: the configured one, else what most of the
// nodes serve that have answered, and of equals what the first in the list does.
// Once blocks were handed out it stays.
func (p *Pool) electChain() uint64 {
	p.mu.Lock()
	settled := p.settled
	current := p.chainID
	p.mu.Unlock()
	if p.wantChain != 0 {
		return p.wantChain
	}
	if settled && current != 0 {
		return current
	}
	votes := make(map[uint64]int)
	chain := uint64(0)
	for _, n := range p.nodes {
		n.mu.Lock()
		id := n.chainID
		n.mu.Unlock()
		if id != 0 {
			votes[id]++
		}
	}
	for _, n := range p.nodes {
		n.mu.Lock()
		id := n.chainID
		n.mu.Unlock()
		if id != 0 && votes[id] > votes[chain] {
			chain = id
		}
	}
	return chain
}

// newestHead is the newest head that is believed: no other node on the chain has to
// be as new, but somebody must confirm it. That is another node whose head is not
// older by more than maxLag, or the node's own chain, which has the head where it
// says, above a block that another node knows.
func (p *Pool) newestHead(ctx context.Context, chain uint64, now time.Time) (best Header) {
	var candidates []*node
	for _, n := range p.nodes {
		n.mu.Lock()
		fits := n.chainID == chain && n.syncing == "" && n.head.Number > 0 && !n.head.Time.After(now.Add(slot))
		n.mu.Unlock()
		if fits {
			candidates = append(candidates, n)
		}
	}
	for _, n := range candidates {
		head := n.lastHead()
		if !head.Time.After(best.Time) {
			continue
		}
		confirmed := len(candidates) == 1
		var below Header // the newest head of another node
		for _, other := range candidates {
			h := other.lastHead()
			if other == n {
				continue
			}
			confirmed = confirmed || head.Time.Sub(h.Time) <= p.maxLag
			if h.Number > below.Number && h.Number < head.Number {
				below = h
			}
		}
		if confirmed || n.prove(ctx, below) {
			best = head
		}
	}
	return best
}

// noteAge says once when the newest head becomes old, and when it no longer is.
// Its age is the clock's time since the block's own. The caller holds the lock.
func (p *Pool) noteAge(now time.Time) {
	age := p.headAge(now)
	switch {
	case age > 0 && !p.old:
		p.log.Warn("the newest head is old: no new block arrives", "block", p.best.Number, "age", age.String(), "remedy", oldRemedy)
	case age == 0 && p.old:
		p.log.Info("new blocks arrive again", "block", p.best.Number)
	}
	p.old = age > 0
}

const oldRemedy = "is the consensus client running, and the clock right?"

// headAge is how old the newest head is, 0 where that is within what is configured
// or none is known. The caller holds the lock.
func (p *Pool) headAge(now time.Time) time.Duration {
	if p.maxAge <= 0 || p.best.Number == 0 {
		return 0
	}
	if age := now.Sub(p.best.Time); age > p.maxAge {
		return age.Truncate(time.Minute)
	}
	return 0
}
