package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk/contract"
)

// outbox delivers the phases of blocks as the host does: in order per number, each
// until it is settled, a proved that waits in place of what came before it, proofs
// first, and again after a kill whatever was under way.
type outbox struct {
	mu     sync.Mutex
	events map[uint64][]Event // per number, in order
	tries  map[string]uint32
	due    map[uint64]time.Time
	busy   map[uint64]bool
	ends   map[string]int // outcomes, and errors by class
}

func newOutbox(b *fixture, blocks []contract.Block) *outbox {
	o := &outbox{events: map[uint64][]Event{}, tries: map[string]uint32{}, due: map[uint64]time.Time{}, busy: map[uint64]bool{}, ends: map[string]int{}}
	for _, block := range blocks {
		o.events[block.Number] = b.phasesQuietly(block)
	}
	return o
}

// take returns an event that is due: a proof before the others.
func (o *outbox) take(now time.Time, proofOnly bool) (Event, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for number, events := range o.events {
		if o.busy[number] || now.Before(o.due[number]) {
			continue
		}
		if next := events[0]; !proofOnly || next.Kind == contract.EventProved {
			o.busy[number] = true
			key := fmt.Sprint(number, next.Kind)
			o.tries[key]++
			next.Try = o.tries[key]
			return next, true
		}
	}
	return Event{}, false
}

func (o *outbox) end(event Event, facts map[string]string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	number := event.Block.Number
	delete(o.busy, number)
	classed, _ := errors.AsType[*contract.Error](err)
	switch {
	case err == nil:
		o.ends[facts[FactOutcome]]++
		clear(o.due) // one got through: what the outage has deferred is due
	case classed != nil && classed.Class == contract.ClassPermanent:
		o.ends["rejected: "+err.Error()]++
	default:
		o.due[number] = time.Now().Add(max(time.Second, afterOf(classed)))
		return
	}
	if o.events[number] = o.events[number][1:]; len(o.events[number]) == 0 {
		delete(o.events, number)
	}
}

func afterOf(err *contract.Error) time.Duration {
	if err == nil {
		return 0
	}
	return err.After
}

func (o *outbox) left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.events)
}

// TestCampaign: 500 blocks to each of two clusters of one key, with four in ten
// answers at fault, and each reporter killed every few seconds. Every block is
// proved once at each cluster, no phase goes back, nothing that was announced is
// left, and the limiter refuses nothing.
func TestCampaign(t *testing.T) {
	const count = 500
	seed := uint64(11)
	if text := os.Getenv("PROOFLINE_CHAOS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	if testing.Short() {
		t.Skip("1,000 blocks through two ledgers")
	}
	synctest.Test(t, func(t *testing.T) {
		server := ethproofstest.InProcess()
		server.AddCluster("alpha")
		random := rand.New(rand.NewPCG(7, seed))
		var lock sync.Mutex
		chance := func(n int) int {
			lock.Lock()
			defer lock.Unlock()
			return random.IntN(n)
		}
		server.Inject(func(r ethproofstest.Request) *ethproofstest.Fault {
			latency := time.Duration(chance(400)) * time.Millisecond
			if r.Method != "POST" {
				return &ethproofstest.Fault{Latency: latency}
			}
			switch chance(10) {
			case 0:
				return &ethproofstest.Fault{Latency: latency, LoseRequest: true}
			case 1:
				return &ethproofstest.Fault{Latency: latency, LoseReply: true}
			case 2:
				return &ethproofstest.Fault{Latency: latency, Status: 500, Body: "Internal server error"}
			case 3:
				return &ethproofstest.Fault{Latency: latency, Status: 502}
			}
			return &ethproofstest.Fault{Latency: latency}
		})
		blocks := make([]contract.Block, count)
		for i := range blocks {
			blocks[i] = newBlock()
		}
		var reporters sync.WaitGroup
		boxes := map[int]*outbox{}
		began := time.Now()
		for _, cluster := range []int{1, 2} {
			b := newFixture(t, server.URL, cluster, ethproofstest.AlphaKey, server.Transport())
			b.server = server
			box := newOutbox(b, blocks)
			boxes[cluster] = box
			reporters.Go(func() {
				defer b.close()
				for box.left() > 0 {
					life := time.Duration(2000+chance(8000)) * time.Millisecond
					ctx, kill := context.WithTimeout(t.Context(), life)
					b.runFor(ctx, box, 8)
					kill()
					b.restart()
				}
			})
		}
		reporters.Wait()
		took := time.Since(began).Round(time.Minute)

		reached, refused, writes := map[string]int{}, 0, 0
		for _, r := range server.Requests() {
			if r.Status == 429 {
				refused++
			}
			rank := map[string]int{"/proofs/queued": 1, "/proofs/proving": 2, "/proofs/proved": 3}[r.Path]
			if rank == 0 {
				continue
			}
			writes++
			var body struct {
				Cluster int `json:"cluster_id"`
			}
			if err := json.Unmarshal(r.Body, &body); err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprintf("%d/%d", r.Block, body.Cluster)
			if rank == 1 && reached[key] == 2 {
				t.Errorf("block %s went back from proving to queued", key)
			}
			if rank < 3 { // an announcement after a proof is the cure of a 500
				reached[key] = max(rank, reached[key])
			}
		}
		for cluster := range boxes {
			for _, block := range blocks {
				row, ok := server.Proof("alpha", cluster, block.Number)
				if !ok || row.Status != "proved" || row.Size != len(testProof) {
					t.Errorf("cluster %d, block %d: %+v", cluster, block.Number, row)
				}
			}
		}
		for cluster, box := range boxes {
			for end, n := range box.ends {
				if strings.HasPrefix(end, "rejected") {
					t.Errorf("cluster %d: %d × %s", cluster, n, end)
				}
			}
			t.Logf("cluster %d: %v", cluster, box.ends)
		}
		if refused > 0 {
			t.Errorf("the limiter refused %d of %d writes", refused, writes)
		}
		t.Logf("%d writes for %d proofs, %d × 429, in %s of virtual time", writes, 2*count, refused, took)
	})
}

// runFor delivers with so many workers until the context ends or nothing is left.
func (b *fixture) runFor(ctx context.Context, box *outbox, workers int) {
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for ctx.Err() == nil && box.left() > 0 {
				event, ok := box.take(time.Now(), true)
				if !ok {
					if event, ok = box.take(time.Now(), false); !ok {
						time.Sleep(100 * time.Millisecond)
						continue
					}
				}
				facts, err := b.sender.Deliver(ctx, event)
				box.end(event, facts, err)
			}
		})
	}
	running.Wait()
}
