package ethnode_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

func TestFollowerReorgs(t *testing.T) {
	for depth := 1; depth <= 5; depth++ {
		for around := -2; around <= 6; around++ { // where the head is, seen from a target
			for _, grow := range []int{0, 2} {
				t.Run(fmt.Sprintf("depth %d, head at target%+d, %d longer", depth, around, grow), func(t *testing.T) {
					chain := ethnodetest.NewChain(90)
					node := ethnodetest.Start(t, chain)
					p := newHostDouble(t, node.URL, contract.Selection{Every: 10})
					p.settle()
					chain.Extend(10 + around)
					p.settle()
					chain.Reorg(depth, depth+grow)
					p.settle()
					p.wantTargets(chain, 90)
					chain.Extend(12)
					p.settle()
					p.wantTargets(chain, 90)
				})
			}
		}
	}
}

// TestFollowerReorgToShorterChain checks that a reorg to a chain that is shorter for a moment
// orphans no block that may return, and that the follower reports the reorg when the chain has
// grown.
func TestFollowerReorgToShorterChain(t *testing.T) {
	chain := ethnodetest.NewChain(95)
	node := ethnodetest.Start(t, chain)
	p := newHostDouble(t, node.URL, contract.Selection{Every: 1})
	p.settle()
	chain.Extend(10)
	p.settle()
	chain.Reorg(6, 0)
	p.settle()
	if len(p.dead) > 0 {
		t.Errorf("a node that is behind orphaned %d blocks", len(p.dead))
	}
	chain.Extend(3)
	p.settle()
	p.wantTargets(chain, 95)
	chain.Extend(20)
	p.settle()
	p.wantTargets(chain, 95)
}

func TestFollowerReorgDeeperThanWindow(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	node := ethnodetest.Start(t, chain)
	p := newHostDouble(t, node.URL, contract.Selection{Every: 1})
	p.settle()
	chain.Extend(100)
	p.settle()
	chain.Reorg(80, 81)
	p.settle()
	if len(p.dead) != 64 {
		t.Errorf("%d blocks are orphaned, want the 64 that the cursor remembers", len(p.dead))
	}
	for n := uint64(47); n <= 111; n++ {
		if _, there := p.live[chain.At(n).Hash]; !there {
			t.Errorf("block %d of the new chain was missed", n)
		}
	}
}

// TestFollowerHistories checks random histories of growth, gaps and reorgs within the window,
// with random selections and times of polls. In the end exactly the canonical targets are live.
func TestFollowerHistories(t *testing.T) {
	for seed := range uint64(15) {
		rng := rand.New(rand.NewPCG(seed, 1))
		chain := ethnodetest.NewChain(100 + rng.Uint64N(20))
		node := ethnodetest.Start(t, chain)
		start := chain.Head().Number
		p := newHostDouble(t, node.URL, contract.Selection{Every: []uint64{1, 2, 10, 40}[rng.IntN(4)]})
		p.max = 1 + rng.IntN(5)
		p.settle()
		for range 25 {
			switch k := rng.IntN(10); {
			case k < 5:
				chain.Extend(1 + rng.IntN(3))
			case k < 6:
				chain.Extend(rng.IntN(150))
			case k < 8 && chain.Head().Number > start+20:
				depth := 1 + rng.IntN(12)
				chain.Reorg(depth, depth+rng.IntN(4))
			}
			if rng.IntN(2) == 0 {
				p.poll(0)
			}
			if rng.IntN(4) == 0 {
				p.settle()
			}
		}
		chain.Extend(1)
		p.settle()
		p.wantTargets(chain, start)
		var window struct {
			Window []struct {
				N uint64
				H contract.Hash
			}
		}
		if err := json.Unmarshal(p.cursor, &window); err != nil {
			t.Fatal(err)
		}
		for _, w := range window.Window {
			if chain.At(w.N).Hash != w.H {
				t.Errorf("seed %d: block %d of the window is not on the chain", seed, w.N)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
