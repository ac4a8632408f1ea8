package ethnode

import (
	"context"
	"fmt"
	"time"
)

// compareNodes compares the nodes with each other. It excludes those on another chain
// and those whose head is old, and logs each change. ctx limits the requests that the
// comparison needs.
func (p *Pool) compareNodes(ctx context.Context, now time.Time) {
	chain := p.electChain()
	best := p.newestHead(ctx, chain, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chainID, p.best = chain, best
	for _, n := range p.nodes {
		n.mu.Lock()
		switch lag := best.Time.Sub(n.head.Time); {
		case n.chainID != 0 && n.chainID != chain:
			n.mismatch = fmt.Sprintf("it serves chain %d, not chain %d as %s", n.chainID, chain, p.chainReason())
		case n.chainID != 0 && n.head.Number < best.Number && lag > p.maxLag:
			n.mismatch = fmt.Sprintf("its head %d is %v older than block %d", n.head.Number, lag, best.Number)
		default:
			n.mismatch = ""
		}
		n.mu.Unlock()
		switch reason := n.usable(now, BlockData); {
		case reason != nil && !n.excluded:
			n.excluded = true
			p.log.Warn("endpoint is out of use", "endpoint", n.name, "reason", reason)
		case reason == nil && n.excluded:
			n.excluded = false
			p.log.Info("endpoint is back in use", "endpoint", n.name)
		}
	}
	p.logHeadAge(now)
}

// chainReason names the origin of the chain id, as the end of a sentence.
func (p *Pool) chainReason() string {
	if p.wantChain != 0 {
		return "configured"
	}
	return "the others do"
}

// electChain returns the chain to follow: the configured one, otherwise the one that
// most of the nodes with a known chain serve. At a tie the first node in the list
// decides. Once ChainID has returned a chain, that chain stays.
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
	ids := make([]uint64, len(p.nodes))
	for i, n := range p.nodes {
		n.mu.Lock()
		ids[i] = n.chainID
		n.mu.Unlock()
	}
	return Majority(ids)
}

// Majority returns the chain id that occurs most often. At a tie the first one in the list
// decides. It ignores 0, and returns 0 where the list has no other id.
func Majority(ids []uint64) (chain uint64) {
	votes := make(map[uint64]int)
	for _, id := range ids {
		if id != 0 {
			votes[id]++
		}
	}
	for _, id := range ids {
		if id != 0 && votes[id] > votes[chain] {
			chain = id
		}
	}
	return chain
}

// newestHead returns the newest head that is confirmed. Either another node confirms
// it, whose head is not older by more than maxLag, or the node's own chain does: it
// holds the head at that number, above a block that another node has as its head. The
// head of the only candidate needs no confirmation.
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
		if confirmed || n.confirmHead(ctx, below) {
			best = head
		}
	}
	return best
}

// logHeadAge logs once when the newest head becomes old and once when it no longer is.
// The caller must hold p.mu.
func (p *Pool) logHeadAge(now time.Time) {
	age := p.headAge(now)
	switch {
	case age > 0 && !p.headOld:
		p.log.Warn("the newest head is old: no new block arrives", "block", p.best.Number, "age", age.String(), "remedy", headAgeRemedy)
	case age == 0 && p.headOld:
		p.log.Info("new blocks arrive again", "block", p.best.Number)
	}
	p.headOld = age > 0
}

const headAgeRemedy = "is the consensus client running, and the clock right?"

// headAge returns the time since the newest head's timestamp, in whole minutes, where
// that is over maxAge. It returns 0 where it is not, or where no head is known. The
// caller must hold p.mu.
func (p *Pool) headAge(now time.Time) time.Duration {
	if p.maxAge <= 0 || p.best.Number == 0 {
		return 0
	}
	if age := now.Sub(p.best.Time); age > p.maxAge {
		return age.Truncate(time.Minute)
	}
	return 0
}
