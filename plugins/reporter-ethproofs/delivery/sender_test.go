package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk/contract"
)

func (b *fixture) wantSequence(want string) {
	b.t.Helper()
	if got := b.calls.sequence(); got != want {
		b.t.Errorf("sent %s\nwant %s", got, want)
	}
}

func (b *fixture) wantOutcomes(got []string, want ...string) {
	b.t.Helper()
	if !slices.Equal(got, want) {
		b.t.Errorf("outcomes %q, want %q", got, want)
	}
}

// wantStored is checkStored for a test that knows what must be there.
func (b *fixture) wantStored(block contract.Block, proof []byte) {
	b.t.Helper()
	if _, err := b.checkStored(block, proof); err != nil {
		b.t.Error(err)
	}
}

func TestNormalBlock(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeAccepted, contract.OutcomeAccepted, contract.OutcomeAccepted)
		b.wantSequence("queued 200, proving 200, proved 200")
		b.wantStored(block, testProof)
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeSkipped, contract.OutcomeSkipped, contract.OutcomeAcceptedBefore)
		b.wantSequence("queued 200, proving 200, proved 200")

		n := fmt.Sprint(block.Number)
		status := fmt.Sprintf(`{"block_number":%s,"cluster_id":%d}`, n, b.options.Cluster)
		for name, want := range map[string]string{"queued.json": status, "proving.json": status} {
			if got := string(b.kept[n+"/"+name]); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		want := fmt.Sprintf(`{"block_number":%s,"cluster_id":%d,"proving_time":8123,"proving_cycles":123456789,"proof":"YSBwcm9vZiBv`, n, b.options.Cluster)
		if got := string(b.kept[n+"/"+n+".json"]); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `","verifier_id":"guest-1"}`) {
			t.Errorf("%s.json is %.120s…", n, got)
		}
	})
}

func TestLostReplyAfterProved(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		lost := false
		b.calls.fault = func(phase string, _ int) string {
			if phase == "proved" && !lost {
				lost = true
				return "lose reply"
			}
			return ""
		}
		block := newBlock()
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeAccepted, contract.OutcomeAccepted, contract.OutcomeAcceptedBefore)
		b.wantSequence("queued 200, proving 200, proved lost, proved 409")
		b.wantStored(block, testProof)
	})
}

func TestRestartBetweenEveryTwoCalls(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		b.restartBefore = true
		b.calls.fault = func(_ string, n int) string { // every other call is cut off, in one way or the other
			return []string{"lose request", "", "lose reply", ""}[n%4]
		}
		block := newBlock()
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeAccepted, contract.OutcomeAccepted, contract.OutcomeAccepted)
		b.wantSequence("queued lost, queued 200, proving lost, proving 200, proved lost, proved 200")
		b.wantStored(block, testProof)
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeSkipped, contract.OutcomeSkipped, contract.OutcomeAcceptedBefore)
	})
}

func TestWrongKey(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		b.key = "not-a-key-of-anybody"
		b.restart()
		_, err := b.report(b.event(contract.EventQueued, newBlock()))
		if classOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "Invalid API key") || !strings.Contains(err.Error(), "ETHPROOFS_API_KEY") {
			t.Errorf("got %q: %v", classOf(err), err)
		}
		b.wantSequence("")
	})
}

func TestKeyRevokedBetweenCalls(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.must(b.event(contract.EventQueued, block))
		b.server.Inject(func(r ethproofstest.Request) *ethproofstest.Fault {
			return &ethproofstest.Fault{Status: 401, Body: "Invalid API key " + b.key}
		})
		_, err := b.report(b.event(contract.EventProving, block))
		if classOf(err) != contract.ClassEnvironment || strings.Contains(err.Error(), b.key) {
			t.Errorf("got %q: %v", classOf(err), err)
		}
		b.server.Inject(nil)
		time.Sleep(2 * minProbePause)
		b.wantOutcomes(b.must(b.event(contract.EventProving, block), b.event(contract.EventProved, block)), contract.OutcomeAccepted, contract.OutcomeAccepted)
	})
}

func TestUnknownCluster(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		b.options.Cluster = 4711
		b.restart()
		_, err := b.report(b.event(contract.EventQueued, newBlock()))
		if classOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "no cluster 4711") || !strings.Contains(err.Error(), "set cluster_id") {
			t.Errorf("got %q: %v", classOf(err), err)
		}
		b.wantSequence("")
	})
}

func TestLocalChecks(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		for name, c := range map[string]struct {
			change func(*Event)
			says   string
		}{
			"proof too large": {func(e *Event) {
				e.Proof = func() ([]byte, error) { return make([]byte, ethproofs.MaxProofBytes+1), nil }
			}, "over the limit of 4400000"},
			"empty proof":   {func(e *Event) { e.Proof = func() ([]byte, error) { return nil, nil } }, "the proof is empty"},
			"test double":   {func(e *Event) { e.Proof = func() ([]byte, error) { return []byte("xxPROOFLINE-TEST-DOUBLExx"), nil } }, "test double"},
			"test fact":     {func(e *Event) { e.Facts["test_proof"] = "true" }, "test double"},
			"no time":       {func(e *Event) { delete(e.Facts, contract.FactProvingTimeMS) }, "no fact proving_time_ms"},
			"fraction":      {func(e *Event) { e.Facts[contract.FactProvingTimeMS] = "8123.7" }, "whole milliseconds"},
			"time too long": {func(e *Event) { e.Facts[contract.FactProvingTimeMS] = "2147483648" }, "cannot be stored"},
			"number":        {func(e *Event) { e.Block.Number = 1 << 60 }, "more than a JSON number holds"},
		} {
			event := b.event(contract.EventProved, newBlock())
			c.change(&event)
			_, err := b.report(event)
			if classOf(err) != contract.ClassPermanent || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: got %q: %v", name, classOf(err), err)
			}
		}
		b.wantSequence("")
	})
}

func TestFiguresOnTheEdge(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		events := b.phases(block)
		events[2].Facts[contract.FactProvingTimeMS] = "0"
		events[2].Facts[contract.FactCycles] = "99999999999999999999"
		b.must(events...)
		n := fmt.Sprint(block.Number)
		if body := string(b.kept[n+"/"+n+".json"]); !strings.Contains(body, `"proving_time":1,"proof"`) {
			t.Errorf("body %.150s", body)
		}
		b.wantStored(block, testProof)
	})
}

func TestReorgedBlock(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		// The first hash gets as far as proving, then another takes its place.
		block := newBlock()
		b.must(b.phases(block)[:2]...)
		other := withHash(block, 2)
		b.wantOutcomes(b.must(b.phases(other)...), contract.OutcomeSkipped, contract.OutcomeAccepted, contract.OutcomeAccepted)
		b.wantSequence("queued 200, proving 200, proving 200, proved 200")
		b.wantStored(other, testProof)

		// The first hash is proved already: its proof stays, the second is a conflict.
		_, err := b.report(b.event(contract.EventProved, block))
		if classOf(err) != contract.ClassPermanent || !strings.Contains(err.Error(), "conflict") {
			t.Errorf("proof of the orphan: %q %v", classOf(err), err)
		}
		b.wantOutcomes(b.must(b.phases(block)[:2]...), contract.OutcomeSkipped, contract.OutcomeSkipped)
	})
}

// TestProofWithoutAnAnnouncement: the proof was done before anything was announced,
// so that the host has left out both phases. The server takes no proof of a number
// that it has never heard of: it hears of it once, and gets the proof once.
func TestProofWithoutAnAnnouncement(t *testing.T) {
	onServer(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.wantOutcomes(b.must(b.event(contract.EventProved, block)), contract.OutcomeAccepted)
		b.wantSequence("proving 200, proved 200")
		if number := strconv.FormatUint(block.Number, 10); b.kept[number+"/proving.json"] == nil || b.kept[number+"/"+number+".json"] == nil {
			t.Errorf("kept are %v, want both bodies that were sent", slices.Collect(maps.Keys(b.kept)))
		}
		b.wantStored(block, testProof)
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeSkipped, contract.OutcomeSkipped, contract.OutcomeAcceptedBefore)
		b.wantSequence("proving 200, proved 200")
	})
}

// TestAnnouncementThatGotLost: the server has not acknowledged the announcement,
// whether or not it has heard it. That a later try, or one after a restart, comes
// with the proof changes nothing; what was acknowledged is not sent again.
func TestAnnouncementThatGotLost(t *testing.T) {
	for name, tc := range map[string]struct {
		faults []string // of the requests, in their order
		want   string
	}{
		"unheard":                  {[]string{"lose request"}, "queued lost, proving 200, proved 200"},
		"heard":                    {[]string{"lose reply"}, "queued lost, proving 200, proved 200"},
		"the second one too":       {[]string{"lose request", "lose reply"}, "queued lost, proving lost, proving 200, proved 200"},
		"and the proof afterwards": {[]string{"lose request", "", "lose request"}, "queued lost, proving 200, proved lost, proved 200"},
		"and the answer to it":     {[]string{"lose request", "", "lose reply"}, "queued lost, proving 200, proved lost, proved 409"},
	} {
		t.Run(name, func(t *testing.T) {
			onServer(t, func(t *testing.T, b *fixture) {
				b.restartBefore = true
				b.calls.fault = func(_ string, n int) string {
					if n < len(tc.faults) {
						return tc.faults[n]
					}
					return ""
				}
				block := newBlock()
				if _, err := b.sender.Deliver(t.Context(), b.event(contract.EventQueued, block)); classOf(err) != contract.ClassRetryable {
					t.Fatalf("queued: %q %v", classOf(err), err)
				}
				b.must(b.event(contract.EventProved, block))
				b.wantSequence(tc.want)
				b.wantStored(block, testProof)
			})
		})
	}
}

// TestSiteForgetsTheBlock: the server has acknowledged the announcement and was put
// back to an earlier state since.
func TestSiteForgetsTheBlock(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.must(b.phases(block)[:1]...)
		b.server.ForgetBlock(block.Number)
		b.wantOutcomes(b.must(b.event(contract.EventProved, block)), contract.OutcomeAccepted)
		b.wantSequence("queued 200, proved 500, proving 200, proved 200")
		b.wantStored(block, testProof)
	})
}

// TestPassingFault: the 500 of a server that knows the block is followed by another
// try of the proof, and by no announcement.
func TestPassingFault(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.must(b.phases(block)[:2]...)
		b.server.Inject(ethproofstest.Once("/proved", ethproofstest.Fault{Status: 500, Body: "Internal server error"}))
		b.wantOutcomes(b.must(b.event(contract.EventProved, block)), contract.OutcomeAccepted)
		b.wantSequence("queued 200, proving 200, proved 500, proved 200")
	})
}

func TestAnHourOf500s(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.must(b.phases(block)[:2]...)
		began := time.Now()
		b.server.Inject(func(r ethproofstest.Request) *ethproofstest.Fault {
			if time.Since(began) < time.Hour {
				return &ethproofstest.Fault{Status: 500, Body: "Internal server error"}
			}
			return nil
		})
		b.wantOutcomes(b.must(b.event(contract.EventProved, block)), contract.OutcomeAccepted)
		took := time.Since(began)
		if took < time.Hour || took > time.Hour+maxBackoff+time.Minute {
			t.Errorf("accepted after %s, want within the longest pause after the hour", took)
		}
		if calls := len(b.calls.sent()); calls > 50 {
			t.Errorf("%d calls in an hour of outage", calls)
		}
		b.wantStored(block, testProof)
		for _, call := range b.calls.sent()[2:] {
			if strings.HasPrefix(call, "queued") {
				t.Errorf("an earlier phase was sent after proving: %v", b.calls.sent())
			}
		}
	})
}

func TestGivesUp(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		b.options.GiveUp = 2 * time.Hour
		b.restart()
		b.must(b.event(contract.EventQueued, newBlock()))
		b.server.Inject(func(ethproofstest.Request) *ethproofstest.Fault { return &ethproofstest.Fault{LoseRequest: true} })
		began := time.Now()
		_, err := b.report(b.event(contract.EventQueued, newBlock()))
		if classOf(err) != contract.ClassPermanent || !strings.Contains(err.Error(), "given up") {
			t.Errorf("got %q: %v", classOf(err), err)
		}
		if took := time.Since(began); took < 2*time.Hour || took > 3*time.Hour {
			t.Errorf("given up after %s, want 2 h and at most a pause", took)
		}
		if h := b.sender.Health(); h.State != contract.HealthDegraded || !strings.Contains(h.Detail, "taken nothing since") {
			t.Errorf("health %+v", h)
		} else if e := h.Endpoints; len(e) != 1 || e[0].Usable || e[0].Detail != h.Detail || e[0].Failed == 0 || e[0].Failed > e[0].Calls {
			t.Errorf("endpoints %+v", e)
		}
	})
}

// TestBackfillOf200Blocks sends 600 calls through a limiter of 60 a minute that
// another user of the key has filled at the start.
func TestBackfillOf200Blocks(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		// Sleep into the middle of the limiter's minute, then fill it.
		time.Sleep(30 * time.Second)
		filler := ethproofs.NewClient(b.server.URL, ethproofstest.AlphaKey, "other", time.Minute, b.server.Transport())
		for i := range 60 {
			body, _ := ethproofs.StatusBody(uint64(i), 1)
			if _, _, err := filler.Send(t.Context(), ethproofs.Queued, body); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		blocks := make([]contract.Block, 200)
		for i := range blocks {
			blocks[i] = newBlock()
		}
		work := make(chan contract.Block)
		done := make(chan error)
		for range 8 { // as many blocks at once as an outbox has workers
			go func() {
				var failed error
				for block := range work {
					for _, event := range b.phasesQuietly(block) {
						if _, err := b.report(event); err != nil {
							failed = err
						}
					}
				}
				done <- failed
			}()
		}
		for _, block := range blocks {
			work <- block
		}
		close(work)
		for range 8 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		refused := 0
		for _, call := range b.calls.sent() {
			if strings.HasSuffix(call, " 429") {
				refused++
			}
		}
		if refused == 0 || refused > 20 {
			t.Errorf("%d of %d calls met the limiter, want a few at the start and none after", refused, len(b.calls.sent()))
		}
		for _, block := range blocks {
			b.wantStored(block, testProof)
		}
		wantOneWindowUnder(t, b.calls.times(), 60)
		t.Logf("200 blocks, %d calls (%d refused) in %s of virtual time", len(b.calls.sent()), refused, time.Since(began).Round(time.Second))
	})
}

// phasesQuietly is phases for concurrent use: bodies are not kept.
func (b *fixture) phasesQuietly(block contract.Block) []Event {
	events := b.phases(block)
	for i := range events {
		events[i].Keep = func(string, []byte) error { return nil }
	}
	return events
}

func wantOneWindowUnder(t *testing.T, at []time.Time, limit int) {
	t.Helper()
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) >= time.Minute {
			first++
		}
		if i-first+1 > limit {
			t.Fatalf("%d calls within a minute before %s", i-first+1, at[i])
		}
	}
}

func TestProofsGoBeforeStatusCalls(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		late := newBlock()
		b.must(b.phases(late)[:2]...)
		for range 3 { // use up the burst
			b.must(b.event(contract.EventQueued, newBlock()))
		}
		done := make(chan struct{})
		for range 20 {
			event := b.phasesQuietly(newBlock())[0]
			go func() { b.must(event); done <- struct{}{} }()
		}
		synctest.Wait()
		before := len(b.calls.sent())
		b.must(b.event(contract.EventProved, late))
		if got := b.calls.sent()[before]; got != "proved 200" {
			t.Errorf("first call after the proof was ready: %s (of %v)", got, b.calls.sent()[before:])
		}
		for range 20 {
			<-done
		}
	})
}

func TestNewClusterVersion(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.must(b.phases(block)...)
		b.server.AddVersion("alpha", 1)
		time.Sleep(2 * versionAge)
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeAccepted, contract.OutcomeAccepted, contract.OutcomeAccepted)
		if !strings.Contains(string(b.logs.Bytes()), "new version") {
			t.Error("the change of version is not logged")
		}
	})
}

func TestVersionOutlivesAnOutageAndARestart(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.must(b.event(contract.EventQueued, block))
		b.restart()
		b.server.Inject(func(r ethproofstest.Request) *ethproofstest.Fault {
			if r.Path == "/clusters" {
				return &ethproofstest.Fault{Status: 502}
			}
			return nil
		})
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeSkipped, contract.OutcomeAccepted, contract.OutcomeAccepted)
	})
}

func TestOverdueBlocksAreWarnedOfOnce(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		late, failed, fine := newBlock(), newBlock(), newBlock()
		b.must(b.event(contract.EventQueued, late), b.event(contract.EventQueued, failed), b.event(contract.EventFailed, failed))
		b.must(b.phases(fine)...)
		time.Sleep(14 * time.Minute)
		if h := b.sender.Health(); h.State != contract.HealthReady {
			t.Errorf("health after 14 minutes: %+v", h)
		}
		b.restart() // the ledger remembers
		time.Sleep(20 * time.Minute)
		warning := "a block is announced and not proved"
		if n := strings.Count(string(b.logs.Bytes()), warning); n != 1 {
			t.Errorf("%d warnings, want one", n)
		}
		if h := b.sender.Health(); h.State != contract.HealthDegraded || !strings.Contains(h.Detail, fmt.Sprint(late.Number)) {
			t.Errorf("health: %+v", h)
		}
		b.must(b.event(contract.EventProved, late))
		if h := b.sender.Health(); h.State != contract.HealthReady {
			t.Errorf("health after the proof: %+v", h)
		}
	})
}

func TestDryRun(t *testing.T) {
	b := newFixture(t, "", 0, "unused-key", nil)
	defer b.sender.Close()
	_ = b.sender.ledger.Close()
	b.sender = New(Options{MaxProofBytes: ethproofs.MaxProofBytes, Log: b.options.Log}, nil, nil, nil)
	block := newBlock()
	b.wantOutcomes(b.must(append(b.phases(block), b.event(contract.EventFailed, block))...), contract.OutcomeDryRun, contract.OutcomeDryRun, contract.OutcomeDryRun, contract.OutcomeSkipped)
	if len(b.kept) != 3 {
		t.Errorf("%d bodies kept, want 3", len(b.kept))
	}
	// What would be refused is shown all the same: a dry run is for trying things out.
	event := b.event(contract.EventProved, newBlock())
	event.Facts["test_proof"] = "true"
	b.wantOutcomes(b.must(event), contract.OutcomeDryRun)
	if len(b.kept) != 4 || !strings.Contains(string(b.logs.Bytes()), "outside a dry run this proof would not be reported") {
		t.Errorf("%d bodies kept, want 4; log %s", len(b.kept), b.logs.Bytes())
	}
}

func TestAnswersByClass(t *testing.T) {
	for _, c := range []struct {
		fault ethproofstest.Fault
		class contract.Class
		says  string
	}{
		{ethproofstest.Fault{Status: 400, Body: "Invalid request: []"}, contract.ClassPermanent, "Invalid request"},
		{ethproofstest.Fault{Status: 404, Body: "Cluster not found"}, contract.ClassEnvironment, "ETHPROOFS_CLUSTER_ID"},
		{ethproofstest.Fault{Status: 404, Body: "Cluster version not found"}, contract.ClassEnvironment, "zkVM"},
		{ethproofstest.Fault{Status: 404, Body: "<html>no such page</html>"}, contract.ClassEnvironment, "ETHPROOFS_RPC_URL"},
		{ethproofstest.Fault{Status: 308, Header: map[string][]string{"Location": {"https://elsewhere.test/"}}}, contract.ClassEnvironment, "elsewhere.test"},
		{ethproofstest.Fault{Status: 413}, contract.ClassPermanent, "413"},
	} {
		onFake(t, func(t *testing.T, b *fixture) {
			b.server.Inject(ethproofstest.Once("/queued", c.fault))
			_, err := b.report(b.event(contract.EventQueued, newBlock()))
			if classOf(err) != c.class || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d %s: got %q: %v", c.fault.Status, c.fault.Body, classOf(err), err)
			}
		})
	}
}
