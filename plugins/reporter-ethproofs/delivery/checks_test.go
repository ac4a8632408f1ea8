package delivery

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk/contract"
)

func itoa(n int) string { return strconv.Itoa(n) }

func (b *fixture) logged(text string) int { return strings.Count(string(b.logs.Bytes()), text) }

// TestConfirm: the stored file is compared after the delivery, which is accepted
// whatever comes of it.
func TestConfirm(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		b.options.Confirm = true
		b.restart()
		prove := func(block contract.Block) {
			t.Helper()
			b.must(b.phases(block)[:2]...)
			began := time.Now()
			b.wantOutcomes(b.must(b.event(contract.EventProved, block)), contract.OutcomeAccepted)
			if took := time.Since(began); took > checkDelay {
				t.Errorf("the delivery took %s", took)
			}
		}
		prove(newBlock())
		b.restart() // before the look: it is made after the start
		time.Sleep(time.Minute)
		if b.logged("the stored proof is the one that was sent") != 1 || b.sender.Health().State != contract.HealthReady {
			t.Errorf("health %+v, log %s", b.sender.Health(), b.logs.Bytes())
		}

		b.server.SetStorageDown(true)
		lost := newBlock()
		prove(lost)
		time.Sleep(10 * time.Minute)
		if h := b.sender.Health(); h.State != contract.HealthDegraded || !strings.Contains(h.Detail, "serves no file") || !strings.Contains(h.Detail, fmt.Sprint(lost.Number)) {
			t.Errorf("no file: %+v", h)
		}
		b.server.SetStorageDown(false)

		block := newBlock()
		prove(block)
		row, _ := b.server.Proof("alpha", 1, block.Number)
		b.server.Corrupt(row, []byte("something else"))
		time.Sleep(time.Minute)
		if h := b.sender.Health(); !strings.Contains(h.Detail, "another file of 14 bytes") {
			t.Errorf("other file: %+v", h)
		}
		if strings.Contains(string(b.logs.Bytes()), "something else") {
			t.Error("what the store holds is in the log")
		}
	})
}

// TestConfirmFollowsNoRedirectElsewhere: what is found at a foreign address is not
// asked for, let alone shown.
func TestConfirmFollowsNoRedirectElsewhere(t *testing.T) {
	for _, location := range []string{"http://169.254.169.254/latest/meta-data", "https://evil.test/proof.bin", "https://supabase.co.evil.test/x",
		"https://user:word@x.supabase.co/y", "http://x.supabase.co/y", "file:///etc/passwd"} {
		onFake(t, func(t *testing.T, b *fixture) {
			b.options.Confirm = true
			b.restart()
			asked := b.calls.hosts()
			b.server.Inject(func(r ethproofstest.Request) *ethproofstest.Fault {
				if strings.HasPrefix(r.Path, "/proofs/download/") {
					return &ethproofstest.Fault{Status: 302, Header: http.Header{"Location": {location}}}
				}
				return nil
			})
			b.must(b.phases(newBlock())...)
			time.Sleep(2 * time.Minute)
			if got := b.calls.hosts(); len(got) != len(asked) || b.logged("found wanting") > 0 {
				t.Errorf("%s: the hosts %v were asked; log %s", location, got, b.logs.Bytes())
			}
		})
	}
}

// TestConfirmKeepsTheDownloadRoutesBudget: while a backlog is sent, no stored proof
// is looked at; all are, later.
func TestConfirmKeepsTheDownloadRoutesBudget(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		b.options.Confirm = true
		b.restart()
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() {
				for range 10 {
					for _, event := range b.phasesQuietly(newBlock()) {
						if _, err := b.report(event); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		running.Wait()
		time.Sleep(time.Hour)
		downloads, refused := 0, 0
		for _, r := range b.server.Requests() {
			if strings.HasPrefix(r.Path, "/proofs/download/") {
				downloads++
			}
			if r.Status == 429 {
				refused++
			}
		}
		if n := b.logged("the stored proof is the one that was sent"); n != 80 || refused > 0 {
			t.Errorf("%d of 80 stored proofs were compared in %d requests, %d were refused", n, downloads, refused)
		}
	})
}

// TestSiteVerifies: every tenth proof is given to the site's own verifier.
func TestSiteVerifies(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		b.options.VerifyEvery = 10
		b.restart()
		verified := 0
		b.server.SetVerifier(func([]byte, []byte) (bool, string) {
			verified++
			return verified < 3, ""
		})
		for range 20 {
			b.must(b.phases(newBlock())...)
			time.Sleep(time.Minute)
		}
		if verified != 2 || b.logged("own verifier takes the proof") != 2 || b.sender.Health().State != contract.HealthReady {
			t.Errorf("%d verified of 20, health %+v", verified, b.sender.Health())
		}
		b.must(b.phases(newBlock())...)
		time.Sleep(time.Minute)
		if h := b.sender.Health(); h.State != contract.HealthDegraded || !strings.Contains(h.Detail, "own verifier refuses the proof") {
			t.Errorf("health %+v", h)
		}
	})
}

// TestBodyThatCannotBeKept: another reporter publishes the same file name and wins.
func TestBodyThatCannotBeKept(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		for _, event := range b.phases(newBlock()) {
			event.Keep = func(string, []byte) error { return errors.New("file exists") }
			b.wantOutcomes(b.must(event), contract.OutcomeAccepted)
		}
		if b.logged("could not be kept") != 3 {
			t.Error("that the bodies are not kept is not logged")
		}
	})
}

// TestNothingWaitsForAHangingRequest: the reply to one proof does not come for a
// minute; the next block is announced at once.
func TestNothingWaitsForAHangingRequest(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		hung, next := newBlock(), newBlock()
		b.must(b.phases(hung)[:2]...)
		b.server.Inject(ethproofstest.Once("/proved", ethproofstest.Fault{Latency: 20 * time.Second}))
		done := make(chan struct{})
		go func() { b.must(b.event(contract.EventProved, hung)); close(done) }()
		synctest.Wait()
		began := time.Now()
		b.must(b.event(contract.EventQueued, next))
		if took := time.Since(began); took > time.Second {
			t.Errorf("the next block was announced after %s", took)
		}
		<-done
	})
}

// TestBacklogLeavesOutProving: a proving that comes while requests wait is left out;
// without a proof it follows after a minute, when nothing waits.
func TestBacklogLeavesOutProving(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		long, short := newBlock(), newBlock()
		b.must(b.event(contract.EventQueued, long), b.event(contract.EventQueued, short))
		var running sync.WaitGroup
		for range 20 {
			event := b.phasesQuietly(newBlock())[0]
			running.Go(func() { b.must(event) })
		}
		synctest.Wait()
		b.wantOutcomes(b.must(b.event(contract.EventProving, long), b.event(contract.EventProving, short)), contract.OutcomeSkipped, contract.OutcomeSkipped)
		b.wantOutcomes(b.must(b.event(contract.EventProved, short)), contract.OutcomeAccepted)
		running.Wait()
		time.Sleep(3 * time.Minute)
		if row, _ := b.server.Proof("alpha", 1, long.Number); row.Status != "proving" {
			t.Errorf("the long one is %s at the site, want proving", row.Status)
		}
		if n := strings.Count(b.calls.sequence(), "proving"); n != 1 {
			t.Errorf("%d provings were sent, want 1: %s", n, b.calls.sequence())
		}
		b.wantOutcomes(b.must(b.event(contract.EventProved, long)), contract.OutcomeAccepted)
	})
}
