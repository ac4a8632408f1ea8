package ethnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

func testNode(t *testing.T) *node {
	n, err := newNode(0, Endpoint{URL: "http://localhost:8545"})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := testNode(t)
		ill := contract.Retryable(errors.New("internal error"))
		usable := func(want bool) {
			t.Helper()
			if err := n.usable(time.Now(), BlockData); (err == nil) != want {
				t.Fatalf("usable: %v", err)
			}
		}
		for range breakerFailures - 1 {
			n.calls.record(ill)
		}
		usable(true)
		n.calls.record(ill)
		usable(false)
		// Each failed trial doubles the time, up to the limit.
		for pause := breakerFirst; pause < 4*breakerMax; pause *= 2 {
			time.Sleep(min(pause, breakerMax) - time.Nanosecond)
			usable(false)
			time.Sleep(time.Nanosecond)
			usable(true)
			n.calls.record(ill)
			usable(false)
		}
		time.Sleep(breakerMax)
		n.calls.record(nil)
		usable(true)
		n.calls.record(ill)
		usable(true)
	})
}

func TestBreakerKeepsRateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := testNode(t)
		n.calls.record(rateLimited(errors.New("HTTP 429"), 17*time.Second))
		time.Sleep(17*time.Second - time.Nanosecond)
		if n.usable(time.Now(), BlockData) == nil {
			t.Error("asked before the time that the endpoint named")
		}
		time.Sleep(time.Nanosecond)
		if err := n.usable(time.Now(), BlockData); err != nil {
			t.Error(err)
		}
	})
}

// TestNeutralOutcomesKeepRank checks that outcomes that say nothing about a node's quality do
// not change its rank.
func TestNeutralOutcomesKeepRank(t *testing.T) {
	n := testNode(t)
	before := n.rank(BlockData)
	for _, err := range []error{
		fmt.Errorf("x: %w", ErrNotFound), contract.Permanent(fmt.Errorf("%w: %w", ErrOutsideWindow, ErrNoState)), contract.Retryable(ErrNoState),
		contract.Environment(fmt.Errorf("x: %w", ErrNoMethod), ""), fmt.Errorf("x: %w", errNotCompared), contract.Interrupted(errors.New("x")),
	} {
		for range breakerFailures {
			n.calls.record(err)
		}
		if n.rank(BlockData) != before || n.usable(time.Now(), BlockData) != nil {
			t.Errorf("%v: rank %v, %v", err, n.rank(BlockData), n.usable(time.Now(), BlockData))
		}
	}
	n.calls.record(contract.Retryable(errors.New("bad witness")))
	if n.rank(BlockData) >= before {
		t.Error("a bad witness did not count")
	}
}

func TestHedgeAfter(t *testing.T) {
	n := testNode(t)
	for range hedgeSamples - 1 {
		n.recordWitnessTime(time.Second)
	}
	if d := n.hedgeAfter(); d != hedgeFirst {
		t.Errorf("with few samples: %v", d)
	}
	for i := range 100 { // only the last 64 count: 36 to 99 ms
		n.recordWitnessTime(time.Duration(i) * time.Millisecond)
	}
	if d := n.hedgeAfter(); d != 96*time.Millisecond {
		t.Errorf("the 95th percentile of 36…99 ms is %v", d)
	}
}

// TestSlowerNodeLosesRank checks that a node that loses a race loses rank, and that its time
// is not recorded.
func TestSlowerNodeLosesRank(t *testing.T) {
	n := testNode(t)
	for range hedgeSamples {
		n.recordFetch(WitnessData, nil, 60*time.Millisecond)
	}
	before := n.rank(WitnessData)
	for range 100 {
		n.recordFetch(WitnessData, errLost, 5*time.Second)
	}
	if d := n.hedgeAfter(); d != 60*time.Millisecond {
		t.Errorf("after it lost: %v, want its own 60ms", d)
	}
	if n.rank(WitnessData) > 0.6*before || n.rank(BlockData) != 1 || n.usable(time.Now(), WitnessData) != nil {
		t.Errorf("rank %v among witnesses, %v among heads; %v", n.rank(WitnessData), n.rank(BlockData), n.usable(time.Now(), WitnessData))
	}
}

// TestBadWitnessCountsAgainstWitnessesOnly checks that a refused witness leaves the node usable
// for heads.
func TestBadWitnessCountsAgainstWitnessesOnly(t *testing.T) {
	n := testNode(t)
	for range breakerFailures {
		n.recordFetch(WitnessData, contract.Retryable(&badDataError{errors.New("incomplete")}), time.Second)
	}
	if n.usable(time.Now(), WitnessData) == nil || n.usable(time.Now(), BlockData) != nil || n.rank(BlockData) != 1 || n.rank(WitnessData) >= 1 {
		t.Errorf("witnesses: %v, heads: %v", n.usable(time.Now(), WitnessData), n.usable(time.Now(), BlockData))
	}
	for range breakerFailures {
		n.recordFetch(WitnessData, contract.Retryable(errors.New("internal error")), time.Second)
	}
	if n.usable(time.Now(), BlockData) == nil {
		t.Error("a node that fails is still asked for heads")
	}
}

// poolWithHeads returns a pool of nodes with these heads. It sends no requests.
func poolWithHeads(t *testing.T, maxAge time.Duration, heads ...Header) *Pool {
	p := &Pool{log: slog.New(slog.DiscardHandler), maxLag: time.Minute, maxAge: maxAge}
	for i, h := range heads {
		n, err := newNode(i, Endpoint{URL: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		n.chainID, n.head = 1, h
		p.nodes = append(p.nodes, n)
	}
	return p
}

// TestHeadsAreConfirmed checks that a head counts only when another node or the node's own
// chain confirms it, and never when it is ahead of the clock.
func TestHeadsAreConfirmed(t *testing.T) {
	now := time.Now()
	head := func(number uint64, age time.Duration) Header {
		return Header{Number: number, Hash: contract.Hash{byte(number)}, Time: now.Add(-age)}
	}
	for _, c := range []struct {
		name  string
		heads []Header
		out   []bool // by node
	}{
		{"all alike", []Header{head(100, 0), head(100, 0), head(99, 12*time.Second)}, []bool{false, false, false}},
		{"one lags", []Header{head(90, 2*time.Minute), head(100, 0), head(100, 0)}, []bool{true, false, false}},
		{"one of three is ahead alone", []Header{head(200, 0), head(100, 5*time.Minute), head(100, 5*time.Minute)}, []bool{false, false, false}},
		{"one lies in the future", []Header{head(105, -50*time.Second), head(100, 30*time.Second), head(100, 30*time.Second)}, []bool{false, false, false}},
		{"a slot ahead is the clock's", []Header{head(100, -11*time.Second), head(100, -11*time.Second), head(93, 2*time.Minute)}, []bool{false, false, true}},
		{"two of three are ahead", []Header{head(200, 0), head(199, 12*time.Second), head(100, 20*time.Minute)}, []bool{false, false, true}},
	} {
		p := poolWithHeads(t, 0, c.heads...)
		p.compareNodes(t.Context(), now)
		for i, n := range p.nodes {
			if out := n.usable(now, BlockData) != nil; out != c.out[i] {
				t.Errorf("%s: node %d: %v", c.name, i, n.usable(now, BlockData))
			}
		}
	}
	ahead := poolWithHeads(t, 0, head(105, -20*time.Second), head(100, 30*time.Second), head(100, 30*time.Second))
	if ahead.compareNodes(t.Context(), now); ahead.best.Number != 100 {
		t.Errorf("block %d, whose time has not come, is the newest head", ahead.best.Number)
	}
	n := testNode(t)
	if err := n.recordHead(head(7, -slot-time.Minute)); err == nil || n.lastHead().Number != 0 {
		t.Errorf("a head a minute and a slot ahead: %v", err)
	}
	if err := n.recordHead(head(7, -slot+time.Second)); err != nil {
		t.Error(err)
	}
}

// TestChainIsElected checks the order: the configured chain, the chain of the majority, the
// chain of the first node. A chain that was returned stays.
func TestChainIsElected(t *testing.T) {
	for _, c := range []struct {
		chains     []uint64
		configured uint64
		want       uint64
	}{
		{[]uint64{5, 1, 1}, 0, 1}, {[]uint64{5, 1}, 0, 5}, {[]uint64{5, 1}, 1, 1}, {[]uint64{5, 5}, 1, 1}, {[]uint64{0, 7, 0}, 0, 7}, {[]uint64{0, 0}, 0, 0},
	} {
		p := poolWithHeads(t, 0, make([]Header, len(c.chains))...)
		p.wantChain = c.configured
		for i, id := range c.chains {
			p.nodes[i].chainID = id
		}
		p.compareNodes(t.Context(), time.Now())
		if p.chainID != c.want {
			t.Errorf("%v, configured %d: chain %d, want %d", c.chains, c.configured, p.chainID, c.want)
		}
		for i, id := range c.chains {
			if out := p.nodes[i].usable(time.Now(), BlockData) != nil; out != (id != 0 && id != c.want) {
				t.Errorf("%v: node %d: %v", c.chains, i, p.nodes[i].usable(time.Now(), BlockData))
			}
		}
		if c.want == 0 || c.configured != 0 {
			continue
		}
		if id, err := p.ChainID(t.Context()); err != nil || id != c.want {
			t.Errorf("%v: %d, %v", c.chains, id, err)
		}
		for _, n := range p.nodes {
			n.chainID = 99
		}
		p.compareNodes(t.Context(), time.Now())
		if p.chainID != c.want {
			t.Errorf("%v: chain %d after blocks of chain %d were handed out", c.chains, p.chainID, c.want)
		}
	}
}

// TestHeadAge checks that Health names an old head, by its timestamp, until a new one arrives.
func TestHeadAge(t *testing.T) {
	now := time.Now()
	p := poolWithHeads(t, 5*time.Minute, Header{Number: 10, Time: now.Add(-172 * time.Hour)})
	p.compareNodes(t.Context(), now)
	if h := p.Health(); h.State != contract.HealthReady || !strings.Contains(h.Detail, "the newest head, block 10, is 172h0m0s old") {
		t.Errorf("health %+v", h)
	}
	p.nodes[0].head = Header{Number: 11, Time: now.Add(-time.Minute)}
	p.compareNodes(t.Context(), now)
	if h := p.Health(); h.State != contract.HealthReady || h.Detail != "" {
		t.Errorf("health %+v", h)
	}
}

// TestSlowestRate checks that an answer below MinRate is cancelled when its time is over, and
// that a faster one is not.
func TestSlowestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := func(size int, every time.Duration, most time.Duration) (time.Duration, error) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			g := &stallGuard{dst: io.Discard, cancel: cancel, limit: 30 * time.Second, rate: 64 << 10, timer: time.NewTimer(time.Hour)}
			defer func() { g.timer.Stop() }()
			begun := time.Now()
			for ctx.Err() == nil && time.Since(begun) < most {
				g.Write(make([]byte, size))
				time.Sleep(every)
			}
			return time.Since(begun), context.Cause(ctx)
		}
		if took, err := feed(1, 29*time.Second, 24*time.Hour); !errors.Is(err, ErrStalled) || took > time.Minute {
			t.Errorf("a byte every 29 s: %v after %v", err, took)
		}
		if took, err := feed(1<<20, 10*time.Second, time.Hour); err != nil {
			t.Errorf("100 KiB a second: %v after %v", err, took)
		}
		if took, err := feed(1<<20, 31*time.Second, time.Hour); !errors.Is(err, ErrStalled) {
			t.Errorf("silence of 31 s: %v after %v", err, took)
		}
	})
}

// TestWitnessLimit checks that the size of a witness is limited by the gas limit of its block
// as soon as that is known.
func TestWitnessLimit(t *testing.T) {
	limit := int64(20)
	var got bytes.Buffer
	w := &limitedWriter{consume(func(r io.Reader) error { _, err := got.ReadFrom(r); return err }), func() int64 { return limit }, 0}
	for i, c := range []struct {
		limit int64
		bad   bool
	}{{20, false}, {20, false}, {15, true}} {
		limit = c.limit
		_, err := w.Write(make([]byte, 8))
		if _, bad := errors.AsType[*badDataError](err); bad != c.bad || (err != nil) != c.bad {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if err := w.finish(io.EOF); err != nil || got.Len() != 16 {
		t.Errorf("%d bytes went on, %v", got.Len(), err)
	}
}
