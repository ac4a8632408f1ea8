package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk/contract"
)

// another is a second sender for the same cluster, as of another machine.
func (b *fixture) another(t *testing.T) *fixture {
	other := newFixture(t, b.server.URL, b.options.Cluster, b.key, b.server.Transport())
	t.Cleanup(other.close)
	return other
}

// inTime is a proved event whose proof took so long.
func (b *fixture) inTime(block contract.Block, ms string) Event {
	event := b.event(contract.EventProved, block)
	event.Facts[contract.FactProvingTimeMS] = ms
	return event
}

// TestProvedByAnother: another machine has proved the block for the same cluster.
// The announcement says so, and a proof that was made all the same is a conflict
// that names the one in its place.
func TestProvedByAnother(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		other := b.another(t)
		other.must(other.event(contract.EventQueued, block), other.inTime(block, "7777"))
		facts, err := b.report(b.event(contract.EventQueued, block))
		if err != nil || facts[FactOutcome] != contract.OutcomeProvedElsewhere || facts[FactProofID] == "" ||
			!strings.Contains(facts[FactReason], "team alpha") || !strings.Contains(facts[FactReason], "7777 ms") {
			t.Errorf("queued: %v, %v", facts, err)
		}
		b.wantOutcomes(b.must(b.event(contract.EventProving, block)), contract.OutcomeSkipped)
		_, err = b.report(b.event(contract.EventProved, block))
		if classOf(err) != contract.ClassPermanent || !strings.Contains(err.Error(), "conflict") || !strings.Contains(err.Error(), block.Hash.String()) ||
			!strings.Contains(err.Error(), "7777 ms") {
			t.Errorf("proved: %q %v", classOf(err), err)
		}
		b.wantSequence("queued 409, proved 409")
	})
}

func TestProveAnyway(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		b.options.ProveAnyway = true
		b.restart()
		block := newBlock()
		other := b.another(t)
		other.must(other.event(contract.EventQueued, block), other.inTime(block, "7777"))
		facts, err := b.report(b.event(contract.EventQueued, block))
		if err != nil || facts[FactOutcome] != contract.OutcomeSkipped || !strings.Contains(facts[FactReason], "team alpha") {
			t.Errorf("queued: %v, %v", facts, err)
		}
	})
}

// TestSiteIsAskedBeforeAConflict: the ledger is gone, and the site shows the very
// figures that are to be sent.
func TestSiteIsAskedBeforeAConflict(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		other := b.another(t)
		other.must(other.event(contract.EventQueued, block), other.event(contract.EventProved, block))
		asked := 0
		b.server.Inject(func(r ethproofstest.Request) *ethproofstest.Fault {
			if r.Path == "/proofs" && r.Method == "GET" {
				if asked++; asked < 3 {
					return &ethproofstest.Fault{Status: 502}
				}
			}
			return nil
		})
		b.wantOutcomes(b.must(b.event(contract.EventProved, block)), contract.OutcomeAcceptedBefore)
		if asked != 3 {
			t.Errorf("the site was asked %d times, want 3", asked)
		}
	})
}

// TestConflictWhereTheSiteDoesNotTell: the site has a proof and no route that says
// whose. From the first answer on the word is there, and after a few tries it is
// decided without.
func TestConflictWhereTheSiteDoesNotTell(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		other := b.another(t)
		other.must(other.event(contract.EventQueued, block), other.inTime(block, "7777"))
		asked := 0
		b.server.Inject(func(r ethproofstest.Request) *ethproofstest.Fault {
			if r.Path == "/proofs" && r.Method == "GET" {
				asked++
				return &ethproofstest.Fault{Status: 404, Body: "not found"}
			}
			return nil
		})
		event := b.event(contract.EventProved, block)
		event.Try = 1
		if _, err := b.sender.Deliver(t.Context(), event); classOf(err) != contract.ClassRetryable || !strings.Contains(err.Error(), "a conflict unless") {
			t.Errorf("the first answer: %q %v", classOf(err), err)
		}
		event.Try = maxUnlistedTries
		if _, err := b.sender.Deliver(t.Context(), event); classOf(err) != contract.ClassPermanent || !strings.Contains(err.Error(), "conflict:") || asked != 2 {
			t.Errorf("after %d questions: %q %v", asked, classOf(err), err)
		}
	})
}

// TestNewVersionWhileAReplyIsLost: the site's administrator changes the cluster's
// zkVM after the announcement; the proof goes to a new row, and the reply is lost.
func TestNewVersionWhileAReplyIsLost(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.must(b.phases(block)[:2]...)
		b.server.AddVersion("alpha", 1)
		b.server.Inject(ethproofstest.Once("/proved", ethproofstest.Fault{LoseReply: true}))
		facts, err := b.report(b.event(contract.EventProved, block))
		row, _ := b.server.Proof("alpha", 1, block.Number)
		if err != nil || facts[FactOutcome] != contract.OutcomeAcceptedBefore || facts[FactVersion] != "3" || facts[FactProofID] != itoa(row.ID) {
			t.Errorf("%v, %v; the site's row %+v", facts, err, row)
		}
		b.wantSequence("queued 200, proving 200, proved lost, proved 409")
		b.wantStored(block, testProof)
		b.wantOutcomes(b.must(b.event(contract.EventProved, block)), contract.OutcomeAcceptedBefore)
	})
}

// TestAnotherProofIDTellsOfANewVersion: the change is noticed at the answer, not a
// minute later, and the block is settled under the new version.
func TestAnotherProofIDTellsOfANewVersion(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		block := newBlock()
		b.must(b.phases(block)[:2]...)
		b.server.AddVersion("alpha", 1)
		facts, err := b.report(b.event(contract.EventProved, block))
		if err != nil || facts[FactOutcome] != contract.OutcomeAccepted || facts[FactVersion] != "3" {
			t.Errorf("%v, %v", facts, err)
		}
		if !strings.Contains(string(b.logs.Bytes()), "announced under the cluster's old version") {
			t.Error("the row that stays unproved is not logged")
		}
		b.wantOutcomes(b.must(b.phases(block)...), contract.OutcomeSkipped, contract.OutcomeSkipped, contract.OutcomeAcceptedBefore)
		b.wantSequence("queued 200, proving 200, proved 200")
	})
}

// TestAgain: the operator has a block reported once more.
func TestAgain(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		again := func(block contract.Block) Event {
			event := b.event(contract.EventProved, block)
			event.Facts[contract.FactAgain] = "true"
			return event
		}
		// The site has it: nothing changes.
		block := newBlock()
		b.must(b.phases(block)...)
		b.wantOutcomes(b.must(again(block)), contract.OutcomeAcceptedBefore)

		// The site has lost the row.
		b.server.Forget("alpha", 1, block.Number)
		b.wantOutcomes(b.must(again(block)), contract.OutcomeAccepted)
		b.wantStored(block, testProof)

		// The pipeline has given it up.
		failed := newBlock()
		b.must(b.event(contract.EventQueued, failed), b.event(contract.EventFailed, failed))
		b.wantOutcomes(b.must(again(failed)), contract.OutcomeAccepted)
		b.wantStored(failed, testProof)

		// The site has refused it: too large for the limit of then.
		refused := newBlock()
		b.must(b.event(contract.EventQueued, refused))
		b.server.Inject(ethproofstest.Once("/proved", ethproofstest.Fault{Status: 413}))
		if _, err := b.report(b.event(contract.EventProved, refused)); classOf(err) != contract.ClassPermanent {
			t.Errorf("413: %v", err)
		}
		b.wantOutcomes(b.must(again(refused)), contract.OutcomeAccepted)
		b.wantStored(refused, testProof)
	})
}

// TestAccountFaultIsFoundOnce: fifty blocks meet a key that was revoked. One of them
// asks; the stage is unavailable until the key is taken again.
func TestAccountFaultIsFoundOnce(t *testing.T) {
	onFake(t, func(t *testing.T, b *fixture) {
		b.must(b.phases(newBlock())...)
		b.server.Inject(func(ethproofstest.Request) *ethproofstest.Fault {
			return &ethproofstest.Fault{Status: 401, Body: "Invalid API key"}
		})
		before := len(b.server.Requests())
		for range 50 {
			if _, err := b.report(b.event(contract.EventQueued, newBlock())); classOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "ETHPROOFS_API_KEY") {
				t.Fatalf("%q: %v", classOf(err), err)
			}
		}
		if asked := len(b.server.Requests()) - before; asked != 1 {
			t.Errorf("%d requests, want 1", asked)
		}
		if h := b.sender.Health(); h.State != contract.HealthUnavailable || !strings.Contains(h.Detail, "ETHPROOFS_API_KEY") {
			t.Errorf("health %+v", h)
		}
		time.Sleep(time.Hour)
		if n := strings.Count(string(b.logs.Bytes()), "level=ERROR"); n != 1 {
			t.Errorf("%d errors are logged in an hour, want 1", n)
		}
		if asked := len(b.server.Requests()) - before; asked > 20 {
			t.Errorf("%d requests in an hour", asked)
		}
		b.server.Inject(nil)
		time.Sleep(maxProbePause + 10*time.Second)
		if h := b.sender.Health(); h.State != contract.HealthReady {
			t.Errorf("health after the key is taken again: %+v", h)
		}
		b.must(b.event(contract.EventQueued, newBlock()))
	})
}
