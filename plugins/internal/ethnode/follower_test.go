package ethnode_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

func TestFollowerSeesEveryTarget(t *testing.T) {
	for _, every := range []uint64{1, 3, 10, 100} {
		t.Run(fmt.Sprint("every ", every), func(t *testing.T) {
			chain := ethnodetest.NewChain(50)
			node := ethnodetest.Start(t, chain)
			p := newHostDouble(t, node.URL, contract.Selection{Every: every})
			p.settle()
			for _, gap := range []int{1, 1, 2, 5, 70, 300, 1} {
				chain.Extend(gap)
				p.settle()
			}
			p.wantTargets(chain, 50)
		})
	}
}

func TestFollowerStart(t *testing.T) {
	chain := ethnodetest.NewChain(100)
	node := ethnodetest.Start(t, chain)
	at := func(n uint64) *uint64 { return &n }
	for _, c := range []struct {
		name string
		sel  contract.Selection
		want []uint64
		done bool
	}{
		{"the head is a target", contract.Selection{Every: 50}, []uint64{100}, false},
		{"the head is no target", contract.Selection{Every: 30}, nil, false},
		{"from", contract.Selection{Every: 30, From: at(31)}, []uint64{60, 90}, false},
		{"range", contract.Selection{Every: 10, From: at(0), To: at(30)}, []uint64{10, 20, 30}, true},
		{"range in the future", contract.Selection{Every: 1, From: at(200), To: at(300)}, nil, false},
		{"range to the head", contract.Selection{Every: 1, From: at(99), To: at(100)}, []uint64{99, 100}, true},
		{"shard", contract.Selection{Every: 10, From: at(0), ShardCount: 3, ShardIndex: 1}, []uint64{10, 40, 70, 100}, false},
		{"empty selection", contract.Selection{From: at(0)}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newHostDouble(t, node.URL, c.sel)
			var got []uint64
			r := p.poll(0)
			for _, b := range r.Blocks {
				got = append(got, b.Number)
			}
			if !slices.Equal(got, c.want) || r.Done != c.done || r.Head != 100 {
				t.Errorf("got %v, done %v, head %d; want %v, %v, 100", got, r.Done, r.Head, c.want, c.done)
			}
		})
	}
}

func TestFollowerMax(t *testing.T) {
	chain := ethnodetest.NewChain(1000)
	node := ethnodetest.Start(t, chain)
	from := uint64(0)
	p := newHostDouble(t, node.URL, contract.Selection{Every: 7, From: &from})
	p.max = 3
	p.settle()
	p.wantTargets(chain, 0)
}

// TestFollowerCatchUpIsCheap checks the catch-up after an hour, 300 blocks. With every: 100
// only the targets and the last 64 headers are read.
func TestFollowerCatchUpIsCheap(t *testing.T) {
	chain := ethnodetest.NewChain(0)
	node := ethnodetest.Start(t, chain)
	p := newHostDouble(t, node.URL, contract.Selection{Every: 100})
	p.settle()
	chain.Extend(3000)
	before := node.Calls("eth_getBlockByNumber")
	p.settle()
	p.wantTargets(chain, 0)
	if n := node.Calls("eth_getBlockByNumber") - before; n > 120 {
		t.Errorf("%d headers were asked for to catch up 3000 blocks with 30 targets", n)
	}
	before = node.Calls("eth_getBlockByNumber")
	for range 10 {
		chain.Extend(1)
		p.settle()
	}
	if n := node.Calls("eth_getBlockByNumber") - before; n > 20 {
		t.Errorf("%d requests for ten new blocks in twenty polls", n)
	}
}

func TestFollowerConfirmations(t *testing.T) {
	chain := ethnodetest.NewChain(20)
	node := ethnodetest.Start(t, chain)
	p := newHostDouble(t, node.URL, contract.Selection{Every: 1})
	fresh := p.follow
	p.follow = func() *ethnode.Follower { f := fresh(); f.Confirmations = 4; return f }
	p.settle()
	chain.Extend(5)
	p.settle()
	chain.Reorg(4, 6)
	p.settle()
	if len(p.dead) > 0 {
		t.Errorf("%d orphans in a reorg that is no deeper than the confirmations", len(p.dead))
	}
	chain.Reorg(6, 12)
	p.settle()
	for n := uint64(16); n+4 <= chain.Head().Number; n++ {
		if _, there := p.live[chain.At(n).Hash]; !there {
			t.Errorf("block %d was missed", n)
		}
	}
	if len(p.dead) != 2 {
		t.Errorf("%d orphans, want 2", len(p.dead))
	}
}

func TestFollowerFalseHead(t *testing.T) {
	chain := ethnodetest.NewChain(100)
	node := ethnodetest.Start(t, chain)
	p := newHostDouble(t, node.URL, contract.Selection{Every: 1})
	p.settle()
	node.Set(func(n *ethnodetest.Node) { n.HeadOffset = 1000 })
	chain.Extend(3)
	for range 3 {
		p.tryPoll(0)
	}
	node.Set(func(n *ethnodetest.Node) { n.HeadOffset = -50 })
	chain.Extend(3)
	for range 3 {
		p.tryPoll(0)
	}
	node.Set(func(n *ethnodetest.Node) { n.HeadOffset = 0 })
	chain.Extend(3)
	p.settle()
	p.wantTargets(chain, 100)
	if len(p.dead) > 0 {
		t.Errorf("lies orphaned %d blocks", len(p.dead))
	}
}

func TestFollowerWithoutBatches(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	node := ethnodetest.Start(t, chain)
	node.Set(func(n *ethnodetest.Node) { n.NoBatch = true })
	p := newHostDouble(t, node.URL, contract.Selection{Every: 5})
	p.settle()
	chain.Extend(40)
	p.settle()
	p.wantTargets(chain, 10)
}

func TestFollowerWaits(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	node := ethnodetest.Start(t, chain)
	p := newHostDouble(t, node.URL, contract.Selection{Every: 1})
	p.settle()
	extended := make(chan struct{})
	go func() {
		defer close(extended)
		for node.Calls("eth_getBlockByNumber") < 5 {
			time.Sleep(time.Millisecond)
		}
		chain.Extend(1)
	}()
	if r := p.poll(time.Minute); len(r.Blocks) != 1 || r.Blocks[0].Number != 11 {
		t.Errorf("a waiting poll answered %+v", r)
	}
	<-extended

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.follow().Poll(ctx, contract.PollRequest{Cursor: p.cursor, Selection: p.sel, Max: 1, Wait: time.Minute})
	if contract.ClassOf(err) != contract.ClassInterrupted {
		t.Errorf("a cancelled poll answered %v, class %s", err, contract.ClassOf(err))
	}
}

func TestFollowerWakesUp(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	node := ethnodetest.Start(t, chain)
	p := newHostDouble(t, node.URL, contract.Selection{Every: 1})
	p.settle()
	heads := make(chan struct{})
	f := p.follow()
	f.Interval, f.Wake = time.Hour, func() <-chan struct{} { return heads }
	before := node.Calls("eth_getBlockByNumber")
	go func() {
		for node.Calls("eth_getBlockByNumber") == before {
			time.Sleep(time.Millisecond)
		}
		chain.Extend(1)
		close(heads)
	}()
	r, err := f.Poll(t.Context(), contract.PollRequest{Cursor: p.cursor, Selection: p.sel, Max: 1, Wait: time.Minute})
	if err != nil || len(r.Blocks) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestResolve(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	node := ethnodetest.Start(t, chain)
	f := newHostDouble(t, node.URL, contract.Selection{}).follow()
	got, err := f.Resolve(t.Context(), []uint64{7, 99, 0})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Block == nil || got[0].Block.Hash != chain.At(7).Hash || got[2].Block == nil {
		t.Errorf("got %+v", got)
	}
	if got[1].Block != nil || !strings.Contains(got[1].Reason, "block 99 does not exist yet: the head is 10") {
		t.Errorf("got %+v", got[1])
	}
	f.Confirmations = 4
	got, err = f.Resolve(t.Context(), []uint64{6, 7})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Block == nil || got[1].Block != nil || got[1].Reason != "block 7 has 3 of 4 confirmations: the head is 10" {
		t.Errorf("with confirmations: got %+v", got)
	}
}

func TestCursorErrors(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	node := ethnodetest.Start(t, chain)
	for _, c := range []struct {
		cursor, want string
		class        contract.Class
	}{
		{`{`, "unreadable", contract.ClassPermanent},
		{`{"v":9,"chain":1337}`, "version 9", contract.ClassPermanent},
		{`{"v":1,"chain":1,"next":5,"window":[]}`, "chain 1, but the node serves chain 1337", contract.ClassEnvironment},
		{`{"v":1,"chain":1337,"next":5,"window":[{"n":7,"h":"0x` + strings.Repeat("ab", 32) + `"}]}`, "block 7 is out of order", contract.ClassPermanent},
	} {
		p := newHostDouble(t, node.URL, contract.Selection{Every: 1})
		p.cursor = []byte(c.cursor)
		_, err := p.tryPoll(0)
		if err == nil || !strings.Contains(err.Error(), c.want) || contract.ClassOf(err) != c.class {
			t.Errorf("cursor %s: got %v (%s), want %q (%s)", c.cursor, err, contract.ClassOf(err), c.want, c.class)
		}
	}
}
