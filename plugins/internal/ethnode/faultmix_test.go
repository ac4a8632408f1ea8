package ethnode_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

// faultMix replaces a part of a node's answers by faults that real nodes show.
type faultMix struct {
	mu     sync.Mutex
	rng    *rand.Rand
	rate   float64
	chain  *ethnodetest.Chain
	counts map[string]int
}

func (m *faultMix) fault(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
	m.mu.Lock()
	strike := m.rng.Float64() < m.rate
	kind := []string{"500", "502", "429", "cut", "garbage", "truncated", "stalled", "error", "wrong witness", "dropped node"}[m.rng.IntN(10)]
	if strike {
		m.counts[kind]++
	}
	m.mu.Unlock()
	if !strike {
		return false
	}
	b := m.chain.Head()
	full := ethnodetest.Reply(call, b.Brief())
	witness := strings.HasPrefix(call.Method, "debug")
	switch kind {
	case "500":
		http.Error(w, "boom", http.StatusInternalServerError)
	case "502":
		http.Error(w, "", http.StatusBadGateway)
	case "429":
		w.Header().Set("Retry-After", "0.01")
		http.Error(w, "", http.StatusTooManyRequests)
	case "cut":
		cut(w)
	case "garbage":
		fmt.Fprint(w, "<html>maintenance</html>")
	case "truncated":
		w.Write(full[:len(full)/2])
	case "stalled":
		w.Write(full[:len(full)/2])
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case "error":
		w.Write(ethnodetest.ReplyError(call, -32603, "internal error"))
	case "wrong witness":
		if !witness {
			return false
		}
		w.Write(ethnodetest.Reply(call, m.chain.At(b.Number-1).Witness()))
	case "dropped node":
		if !witness {
			return false
		}
		var members map[string]json.RawMessage
		var nodes []json.RawMessage
		if json.Unmarshal(b.Witness(), &members) != nil || json.Unmarshal(members["state"], &nodes) != nil {
			return false
		}
		members["state"], _ = json.Marshal(nodes[:len(nodes)-1])
		text, _ := json.Marshal(members)
		w.Write(ethnodetest.Reply(call, text))
	}
	return true
}

// TestFaultyNodesOverLongTime follows a chain that grows and reorganises around targets,
// through two nodes with all faults and with restarts of the source. It proves that every
// target of the canonical chain is returned by a poll and fetched once with right content.
// It does not prove how long that takes.
func TestFaultyNodesOverLongTime(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			chain := ethnodetest.NewChain(20)
			trouble := &faultMix{rng: rand.New(rand.NewPCG(seed, 8)), rate: 0.15, chain: chain, counts: make(map[string]int)}
			var endpoints []ethnode.Endpoint
			var nodes []*ethnodetest.Node
			for range 2 {
				n := ethnodetest.Start(t, chain)
				n.Set(func(n *ethnodetest.Node) { n.Fault = trouble.fault })
				nodes = append(nodes, n)
				endpoints = append(endpoints, ethnode.Endpoint{URL: n.URL, WS: n.WS,
					Options: ethnode.Options{Timeout: 200 * time.Millisecond, WitnessTimeout: 200 * time.Millisecond, StallTimeout: 50 * time.Millisecond}})
			}
			from := uint64(20)
			p := newHostDouble(t, "http://localhost", contract.Selection{Every: 3, From: &from})
			fetched := make(map[contract.Hash]bool)
			failures := 0
			var source *ethnode.Source
			var pool *ethnode.Pool
			restart := func() {
				if pool != nil {
					pool.Close()
				}
				var err error
				if pool, err = ethnode.NewPool(t.Context(), endpoints, ethnode.PoolOptions{HedgeAfter: 30 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}); err != nil {
					t.Fatal(err)
				}
				source = ethnode.NewPoolSource(pool, 5*time.Millisecond, slog.New(slog.DiscardHandler))
				source.MissingTimeout = 50 * time.Millisecond
			}
			restart()
			defer func() { pool.Close() }()
			p.follow = func() *ethnode.Follower { return &source.Follower }
			fetch := func() {
				for hash, block := range p.live {
					if fetched[hash] {
						continue
					}
					task := openTask(t, block)
					result, err := source.Fetch(t.Context(), task)
					if err != nil {
						if contract.ClassOf(err) == contract.ClassPermanent {
							t.Errorf("block %d is given up: %v", block.Number, err)
						}
						failures++
						continue
					}
					b := chain.ByHash(hash)
					wantFiles(t, task, result, b.JSON(), b.Witness())
					fetched[hash] = true
				}
			}
			for round := range 60 {
				switch k := rng.IntN(10); {
				case k < 6:
					chain.Extend(1 + rng.IntN(2))
				case k < 8 && chain.Head().Number > 30:
					depth := 1 + rng.IntN(5)
					chain.Reorg(depth, depth+1)
				case k == 8:
					nodes[rng.IntN(2)].CloseWebSockets()
				}
				for _, n := range nodes {
					n.Announce()
				}
				p.tryPoll(10 * time.Millisecond)
				fetch()
				if round%20 == 19 {
					restart()
				}
			}
			for _, n := range nodes {
				n.Set(func(n *ethnodetest.Node) { n.Fault = nil })
			}
			eventually(t, "everything", func() bool {
				chain.Extend(1)
				if _, err := p.tryPoll(100 * time.Millisecond); err != nil {
					return false
				}
				fetch()
				for hash := range p.live {
					if !fetched[hash] {
						return false
					}
				}
				return p.last.Head == chain.Head().Number
			})
			p.wantTargets(chain, 20)
			t.Logf("%d blocks, %d targets alive, %d orphaned, %d failed fetches, mischief %v", chain.Head().Number, len(p.live), len(p.dead), failures, trouble.counts)
		})
	}
}
