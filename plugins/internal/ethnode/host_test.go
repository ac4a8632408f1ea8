package ethnode_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

// hostDouble polls like the host. It keeps the cursor and the blocks that polls returned.
type hostDouble struct {
	t      *testing.T
	follow func() *ethnode.Follower // returns a new one for every poll, because a source has no state
	sel    contract.Selection
	max    int
	cursor []byte
	live   map[contract.Hash]contract.Block
	dead   map[contract.Hash]bool
	last   contract.PollResponse
}

func newHostDouble(t *testing.T, url string, sel contract.Selection) *hostDouble {
	return &hostDouble{t: t, sel: sel, max: 16, live: make(map[contract.Hash]contract.Block), dead: make(map[contract.Hash]bool),
		follow: func() *ethnode.Follower {
			c, err := ethnode.NewClient(url, ethnode.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return &ethnode.Follower{Chain: c, Interval: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
		}}
}

func (p *hostDouble) poll(wait time.Duration) contract.PollResponse {
	p.t.Helper()
	resp, err := p.tryPoll(wait)
	if err != nil {
		p.t.Fatalf("poll: %v", err)
	}
	return resp
}

func (p *hostDouble) tryPoll(wait time.Duration) (contract.PollResponse, error) {
	p.t.Helper()
	resp, err := p.follow().Poll(p.t.Context(), contract.PollRequest{Cursor: p.cursor, Selection: p.sel, Max: p.max, Wait: wait})
	if err != nil {
		return resp, err
	}
	if len(resp.Blocks) > p.max {
		p.t.Fatalf("poll answered %d blocks, at most %d were asked for", len(resp.Blocks), p.max)
	}
	for _, h := range resp.Orphaned {
		if _, there := p.live[h]; !there {
			p.t.Fatalf("orphaned %v was never handed out, or twice reported", h)
		}
		delete(p.live, h)
		p.dead[h] = true
	}
	for i, b := range resp.Blocks {
		if _, there := p.live[b.Hash]; there {
			p.t.Fatalf("block %d %v handed out twice", b.Number, b.Hash)
		}
		if i > 0 && b.Number <= resp.Blocks[i-1].Number {
			p.t.Fatalf("blocks are not ascending: %d after %d", b.Number, resp.Blocks[i-1].Number)
		}
		p.live[b.Hash] = b
	}
	p.cursor, p.last = resp.NextCursor, resp
	return resp, nil
}

// settle polls until a poll returns nothing new.
func (p *hostDouble) settle() {
	p.t.Helper()
	for {
		if r := p.poll(0); len(r.Blocks) == 0 && len(r.Orphaned) == 0 {
			return
		}
	}
}

// wantTargets compares the live blocks with the targets of the canonical chain.
func (p *hostDouble) wantTargets(chain *ethnodetest.Chain, from uint64) {
	p.t.Helper()
	want := 0
	for n := from; chain.At(n) != nil; n++ {
		if n == 0 || !p.sel.Includes(n) {
			continue
		}
		want++
		b, there := p.live[chain.At(n).Hash]
		if !there {
			p.t.Errorf("target %d %v was missed", n, chain.At(n).Hash)
		} else if b.Number != n || b.ParentHash != chain.At(n).Parent || b.ChainID != chain.ID || b.Time.IsZero() {
			p.t.Errorf("target %d is described as %+v", n, b)
		}
	}
	if len(p.live) != want {
		p.t.Errorf("%d jobs are live, want %d", len(p.live), want)
	}
}
