package delivery

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// request is a checked phase of a block, ready to be sent.
type request struct {
	phase  ethproofs.Phase
	block  contract.Block
	body   []byte
	proof  ledger.SentProof // of Proved
	cycles uint64           // of Proved; 0 for not known
	try    uint32
	again  bool // the operator has asked for it: what was sent before does not count
	// sentBefore: a proof of the hash was sent before this request, and may have
	// been stored.
	sentBefore bool
	target     ledger.Target
	// kept returns when the body was stored; an error means that the event's delivery ends.
	kept func() error
	// keep stores a body that is about to be sent where the operator finds it, while the
	// event is being delivered.
	keep func(phase ethproofs.Phase, body []byte) error
}

// newRequest checks the event and makes the request body of it.
func (s *Sender) newRequest(phase ethproofs.Phase, event Event) (*request, error) {
	r := &request{phase: phase, block: event.Block, try: event.Try, again: event.Facts[contract.FactAgain] == "true"}
	var err error
	if phase != ethproofs.Proved {
		if r.body, err = ethproofs.StatusBody(event.Block.Number, s.options.Cluster); err != nil {
			return nil, contract.Permanent(err)
		}
		return r, nil
	}
	content, err := event.Proof()
	if err != nil {
		return nil, err
	}
	if !s.options.AcceptTest {
		err = ethproofs.CheckGenuine(content)
		if event.Facts["test_proof"] == "true" {
			err = ethproofs.ErrTestProof
		}
		switch {
		case err != nil && s.IsDryRun():
			s.options.Log.Warn("outside a dry run this proof would not be reported", "block", event.Block.Number, FactReason, err)
		case err != nil:
			return nil, contract.Permanent(fmt.Errorf("block %d is not reported: %w", event.Block.Number, err))
		}
	}
	proof := ethproofs.Proof{Content: content, VerifierID: event.Facts[contract.FactVerifierID]}
	if proof.ProvingTime, err = provingTime(event.Facts); err != nil {
		return nil, contract.Permanent(fmt.Errorf("block %d is not reported: %w", event.Block.Number, err))
	}
	proof.Cycles = s.cycles(event)
	if r.body, err = ethproofs.ProvedBody(event.Block.Number, s.options.Cluster, proof, s.options.MaxProofBytes); err != nil {
		return nil, contract.Permanent(err)
	}
	r.cycles = proof.Cycles
	r.proof = ledger.SentProof{Hash: event.Block.Hash, Size: int64(len(content)), TimeMS: proof.ProvingTime, SHA256: sha256.Sum256(content)}
	return r, nil
}

// provingTime reads the host's figure; under a millisecond counts as one.
func provingTime(facts map[string]string) (int64, error) {
	text, given := facts[contract.FactProvingTimeMS]
	if !given {
		return 0, fmt.Errorf("the event has no fact %s", contract.FactProvingTimeMS)
	}
	milliseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || milliseconds < 0 {
		return 0, fmt.Errorf("the fact %s is %q: want whole milliseconds", contract.FactProvingTimeMS, text)
	}
	return max(milliseconds, 1), nil
}

// cycles reads an optional figure. One that cannot be sent is left out: it must
// not cost the proof.
func (s *Sender) cycles(event Event) uint64 {
	text := event.Facts[contract.FactCycles]
	if text == "" {
		return 0
	}
	cycles, err := strconv.ParseUint(text, 10, 53)
	if err != nil {
		s.options.Log.Warn("the number of proving cycles cannot be sent and is left out", "block", event.Block.Number, contract.FactCycles, text)
		return 0
	}
	return cycles
}
