package ethnode_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

func newPool(t testing.TB, opt ethnode.PoolOptions, endpoints ...ethnode.Endpoint) (*ethnode.Pool, *ethnode.Source) {
	opt.Log = slog.New(slog.DiscardHandler)
	pool, err := ethnode.NewPool(t.Context(), endpoints, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	s := ethnode.NewPoolSource(pool, 5*time.Millisecond, opt.Log)
	s.MissingTimeout = 200 * time.Millisecond
	return pool, s
}

func onPool(t *testing.T, s *ethnode.Source, sel contract.Selection) *hostDouble {
	p := newHostDouble(t, "http://localhost", sel)
	p.follow = func() *ethnode.Follower { return &s.Follower }
	return p
}

// eventually waits until background work has made a condition true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// cutEveryCall is a fault that closes the connection of every call.
func cutEveryCall(w http.ResponseWriter, _ *http.Request, _ ethnodetest.Call) bool {
	cut(w)
	return true
}

func TestPoolFailsOver(t *testing.T) {
	chain := ethnodetest.NewChain(20)
	first, second := ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)
	pool, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: first.URL, Weight: 10}, ethnode.Endpoint{URL: second.URL})
	p := onPool(t, source, contract.Selection{Every: 1})
	p.settle()
	chain.Extend(3)
	p.settle()
	if n := second.Calls("eth_getBlockByNumber"); n > 1 { // the probe's
		t.Errorf("the lighter endpoint was asked %d times while the heavier one was well", n)
	}
	first.Set(func(n *ethnodetest.Node) { n.Fault = cutEveryCall })
	for range 5 {
		chain.Extend(2)
		p.settle()
		if _, err := source.Fetch(t.Context(), openTask(t, chain.Head().Contract(chain.ID))); err != nil {
			t.Errorf("with one endpoint down: %v", err)
		}
	}
	p.wantTargets(chain, 20)
	eventually(t, "degraded health", func() bool { return pool.Health().State == contract.HealthDegraded })
	second.Set(func(n *ethnodetest.Node) { n.Fault = cutEveryCall })
	eventually(t, "unavailable health", func() bool {
		p.tryPoll(0)
		return pool.Health().State == contract.HealthUnavailable
	})
	if _, err := p.tryPoll(0); contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "no endpoint is usable") {
		t.Errorf("with every endpoint down: %v", err)
	}
	first.Set(func(n *ethnodetest.Node) { n.Fault = nil })
	second.Set(func(n *ethnodetest.Node) { n.Fault = nil })
	eventually(t, "recovery", func() bool { return pool.Health().State == contract.HealthReady })
	chain.Extend(4)
	p.settle()
	p.wantTargets(chain, 20)
}

func TestPoolStartsBeforeItsNodes(t *testing.T) {
	chain := ethnodetest.NewChain(5)
	node := ethnodetest.Start(t, chain)
	node.Set(func(n *ethnodetest.Node) { n.Fault = cutEveryCall })
	pool, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: node.URL})
	if h := pool.Health(); h.State != contract.HealthUnavailable {
		t.Errorf("health %+v", h)
	}
	node.Set(func(n *ethnodetest.Node) { n.Fault = nil })
	eventually(t, "the node", func() bool { return pool.Health().State == contract.HealthReady })
	p := onPool(t, source, contract.Selection{Every: 1})
	p.settle()
	p.wantTargets(chain, 5)
}

func TestPoolRefuses(t *testing.T) {
	good := ethnodetest.NewChain(100)
	for _, c := range []struct {
		name  string
		chain func() *ethnodetest.Chain
		set   func(*ethnodetest.Node)
		want  string
	}{
		{"a syncing node", func() *ethnodetest.Chain { return good }, func(n *ethnodetest.Node) { n.Syncing = true }, "is syncing, 254 blocks behind"},
		{"a node that lags", func() *ethnodetest.Chain { return ethnodetest.NewChain(90) }, nil, "its head 90 is 2m0s older than block 100"},
		{"a node of another chain", func() *ethnodetest.Chain { c := ethnodetest.NewChain(100); c.ID = 1; return c }, nil, "serves chain 1, not chain 1337"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad, well := ethnodetest.Start(t, c.chain()), ethnodetest.Start(t, good)
			if c.set != nil {
				bad.Set(c.set)
			}
			pool, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: well.URL}, ethnode.Endpoint{URL: bad.URL, Weight: 100})
			if h := pool.Health(); h.State != contract.HealthDegraded || !strings.Contains(h.Detail, c.want) {
				t.Errorf("health %+v, want %q", h, c.want)
			}
			p := onPool(t, source, contract.Selection{Every: 1})
			p.settle()
			p.wantTargets(good, 100)
			if n := bad.Calls("eth_getBlockByNumber"); n > 1 { // the probe's
				t.Errorf("the bad node was asked %d times", n)
			}
		})
	}
}

// TestPoolLeavesNodeWithFalseHead checks that the pool changes to another node when a node
// lacks the blocks below the head that it returns.
func TestPoolLeavesNodeWithFalseHead(t *testing.T) {
	chain := ethnodetest.NewChain(30)
	liar, honest := ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)
	_, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: liar.URL, Weight: 1.1}, ethnode.Endpoint{URL: honest.URL})
	p := onPool(t, source, contract.Selection{Every: 1})
	p.settle()
	liar.Set(func(n *ethnodetest.Node) { n.HeadOffset = 1000 })
	chain.Extend(5)
	eventually(t, "the honest node's blocks", func() bool {
		p.tryPoll(0)
		return len(p.live) == 6
	})
	p.wantTargets(chain, 30)
}

func TestWitnessIsHedged(t *testing.T) {
	chain := ethnodetest.NewChain(8)
	slow, fast := ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)
	slow.Set(func(n *ethnodetest.Node) {
		n.Fault = func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
			if strings.HasPrefix(call.Method, "debug") {
				<-r.Context().Done() // until the client gives it up
				return true
			}
			return false
		}
	})
	_, source := newPool(t, ethnode.PoolOptions{HedgeAfter: 20 * time.Millisecond},
		ethnode.Endpoint{URL: slow.URL, Weight: 10}, ethnode.Endpoint{URL: fast.URL})
	b := chain.Head()
	task := openTask(t, b.Contract(chain.ID))
	result, err := source.Fetch(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, task, result, b.JSON(), b.Witness())
	if files := leftOver(t, task); len(files) != 2 {
		t.Errorf("left behind: %v", files)
	}
}

// TestEndpointsAreCounted checks the counts of calls and of failed calls in Health. A refused
// witness counts as failed. A call that was cancelled because another endpoint was faster does
// not count.
func TestEndpointsAreCounted(t *testing.T) {
	chain := ethnodetest.NewChain(20)
	slow, fast := ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)
	slow.Set(func(n *ethnodetest.Node) {
		n.Fault = func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
			if strings.HasPrefix(call.Method, "debug") {
				<-r.Context().Done()
				return true
			}
			return false
		}
	})
	pool, source := newPool(t, ethnode.PoolOptions{HedgeAfter: 20 * time.Millisecond},
		ethnode.Endpoint{URL: strings.Replace(slow.URL, "http://", "http://user:s3cret@", 1), Weight: 10}, ethnode.Endpoint{URL: fast.URL})
	fetch := func(number uint64) error {
		_, err := source.Fetch(t.Context(), openTask(t, chain.At(number).Contract(chain.ID)))
		return err
	}
	if err := fetch(10); err != nil {
		t.Fatal(err)
	}
	endpoints := pool.Health().Endpoints
	if len(endpoints) != 2 || !strings.HasPrefix(endpoints[0].Name, "0 "+slow.URL) || strings.Contains(endpoints[0].Name, "s3cret") || endpoints[1].Name != "1 "+fast.URL || !endpoints[0].Usable || !endpoints[1].Usable {
		t.Fatalf("endpoints %+v", endpoints)
	}
	for _, e := range endpoints {
		if e.Calls == 0 || e.Failed != 0 || e.Time <= 0 {
			t.Errorf("after a fetch: %+v", e)
		}
	}
	eventually(t, "the count of all calls of the slow endpoint but those for the witness", func() bool {
		all := 0
		for _, method := range []string{"eth_chainId", "eth_syncing", "web3_clientVersion", "eth_getBlockByNumber", "eth_getBlockByHash"} {
			all += slow.Calls(method)
		}
		return pool.Health().Endpoints[0].Calls == uint64(all)
	})
	fast.Set(func(n *ethnodetest.Node) {
		n.Witness = func(b *ethnodetest.Block) []byte { return chain.At(b.Number - 2).Witness() }
	})
	slow.Set(func(n *ethnodetest.Node) { n.Fault = cutEveryCall })
	if err := fetch(11); err == nil {
		t.Fatal("a wrong witness and no other")
	}
	eventually(t, "failures of both", func() bool {
		endpoints = pool.Health().Endpoints
		return endpoints[0].Failed > 0 && endpoints[1].Failed > 0 && !endpoints[0].Usable && strings.Contains(endpoints[0].Detail, "left alone")
	})
	if endpoints[0].Failed > endpoints[0].Calls || endpoints[1].Failed > endpoints[1].Calls {
		t.Errorf("endpoints %+v", endpoints)
	}
}

// TestHedgedAnswersCollide checks that two good answers at nearly the same time give one
// artifact.
func TestHedgedAnswersCollide(t *testing.T) {
	chain := ethnodetest.NewChain(8)
	one, two := ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)
	_, source := newPool(t, ethnode.PoolOptions{HedgeAfter: time.Nanosecond}, ethnode.Endpoint{URL: one.URL}, ethnode.Endpoint{URL: two.URL})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			task := openTask(t, chain.Head().Contract(chain.ID))
			if _, err := source.Fetch(t.Context(), task); err != nil {
				t.Error(err)
			}
			if files := leftOver(t, task); len(files) != 2 {
				t.Errorf("left behind: %v", files)
			}
		})
	}
	group.Wait()
}

// TestBadWitnessCountsAgainstEndpoint checks that an endpoint with bad witnesses costs a retry
// and then is asked last.
func TestBadWitnessCountsAgainstEndpoint(t *testing.T) {
	chain := ethnodetest.NewChain(20)
	bad, good := ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)
	bad.Set(func(n *ethnodetest.Node) {
		n.Witness = func(b *ethnodetest.Block) []byte { return chain.At(b.Number - 2).Witness() }
	})
	_, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: bad.URL, Weight: 1.1}, ethnode.Endpoint{URL: good.URL})
	for n := uint64(10); n < 16; n++ {
		b := chain.At(n)
		task := openTask(t, b.Contract(chain.ID))
		result, err := source.Fetch(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		wantFiles(t, task, result, b.JSON(), b.Witness())
	}
	if n := bad.Calls("debug_executionWitness"); n > 4 {
		t.Errorf("the endpoint with bad witnesses was asked %d times for 6 witnesses", n)
	}
}

// TestAttemptsBeginWithDifferentNodes checks that every attempt begins with another endpoint,
// and that an endpoint whose witness a later stage refused is asked last and loses rank.
func TestAttemptsBeginWithDifferentNodes(t *testing.T) {
	chain := ethnodetest.NewChain(20)
	nodes := []*ethnodetest.Node{ethnodetest.Start(t, chain), ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)}
	var endpoints []ethnode.Endpoint
	for _, n := range nodes {
		endpoints = append(endpoints, ethnode.Endpoint{URL: n.URL})
	}
	_, source := newPool(t, ethnode.PoolOptions{}, endpoints...)
	fetch := func(attempt uint32, facts map[string]string) string {
		t.Helper()
		task := openTask(t, chain.Head().Contract(chain.ID))
		task.Attempt, task.Facts = attempt, facts
		result, err := source.Fetch(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		return result.Facts[ethnode.FactWitnessEndpoint]
	}
	given := map[string]bool{}
	for attempt := range uint32(3) {
		given[fetch(attempt+1, nil)] = true
	}
	if len(given) != 3 {
		t.Errorf("three attempts went to %v", given)
	}
	// No attempt begins with the endpoint whose witness was refused.
	first := fetch(1, nil)
	for attempt := uint32(2); attempt < 8; attempt++ {
		if again := fetch(attempt, map[string]string{"stale": "the witness of block 20 is incomplete", ethnode.FactWitnessEndpoint: first}); again == first {
			t.Errorf("attempt %d went to %s again", attempt, first)
		}
	}
	if next := fetch(1, nil); next == first {
		t.Errorf("after six complaints %s is still the first", first)
	}
}

func TestPoolErrorsCombine(t *testing.T) {
	chain := ethnodetest.NewChain(200)
	answer := func(code int, message string) ethnodetest.Fault {
		return onMethod("debug", func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.ReplyError(call, code, message))
		})
	}
	old, none, ill := answer(-32000, "historical state is not available"), answer(-32601, "no such method"), answer(-32000, "internal error")
	for _, c := range []struct {
		name   string
		number uint64
		nodes  [2]ethnodetest.Fault
		class  contract.Class
		want   string
	}{
		{"both say too old", 5, [2]ethnodetest.Fault{old, old}, contract.ClassPermanent, "2 endpoints failed"},
		{"both say too old, of the head", 200, [2]ethnodetest.Fault{old, old}, contract.ClassRetryable, "2 endpoints failed"},
		{"one offers none", 5, [2]ethnodetest.Fault{old, none}, contract.ClassEnvironment, "enable the debug namespace"},
		{"neither offers any", 5, [2]ethnodetest.Fault{none, none}, contract.ClassEnvironment, "enable the debug namespace"},
		{"one is ill", 5, [2]ethnodetest.Fault{old, ill}, contract.ClassRetryable, "internal error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var endpoints []ethnode.Endpoint
			for _, f := range c.nodes {
				node := ethnodetest.Start(t, chain)
				node.Set(func(n *ethnodetest.Node) { n.Fault = f })
				endpoints = append(endpoints, ethnode.Endpoint{URL: node.URL})
			}
			_, source := newPool(t, ethnode.PoolOptions{}, endpoints...)
			_, err := source.Fetch(t.Context(), openTask(t, chain.At(c.number).Contract(chain.ID)))
			if contract.ClassOf(err) != c.class || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %s: %v", contract.ClassOf(err), err)
			}
		})
	}
}

func TestRolesOfEndpoints(t *testing.T) {
	chain := ethnodetest.NewChain(5)
	heads, wits := ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)
	_, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: wits.URL, NoHead: true}, ethnode.Endpoint{URL: heads.URL, NoWitness: true})
	p := onPool(t, source, contract.Selection{Every: 1})
	p.settle()
	if _, err := source.Fetch(t.Context(), openTask(t, chain.Head().Contract(chain.ID))); err != nil {
		t.Fatal(err)
	}
	if heads.Calls("debug_executionWitness") > 0 || wits.Calls("debug_executionWitness") == 0 || wits.Calls("eth_getBlockByNumber") > 1 {
		t.Error("roles were not kept")
	}
}

// TestWebSocketWakesPolling checks that newHeads shortens the wait of a poll, and that polling
// goes on without it.
func TestWebSocketWakesPolling(t *testing.T) {
	chain := ethnodetest.NewChain(5)
	node := ethnodetest.Start(t, chain)
	_, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: node.URL, WS: node.WS})
	source.Interval = time.Hour
	p := onPool(t, source, contract.Selection{Every: 1})
	p.settle()
	for range 3 {
		eventually(t, "a subscription", func() bool { return node.Subscribers() == 1 })
		for range 5 {
			chain.Extend(1)
			done := make(chan contract.PollResponse)
			go func() { done <- p.poll(time.Minute) }()
			var got contract.PollResponse
			eventually(t, "the block", func() bool {
				node.Announce()
				select {
				case got = <-done:
					return true
				default:
					return false
				}
			})
			if len(got.Blocks) != 1 || got.Blocks[0].Number != chain.Head().Number {
				t.Fatalf("got %+v", got)
			}
		}
		node.CloseWebSockets()
	}
	source.Interval = 5 * time.Millisecond
	node.CloseWebSockets()
	chain.Extend(1)
	if r := p.poll(time.Minute); len(r.Blocks) != 1 {
		t.Errorf("polling alone answered %+v", r)
	}
	p.wantTargets(chain, 5)
}
