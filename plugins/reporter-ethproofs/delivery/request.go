package delivery

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// request is a phase of a block whose body was checked and can be sent.
type request struct {
	phase  ethproofs.Phase
	block  contract.Block
	body   []byte
	proof  ledger.SentProof // only of the phase Proved
	cycles uint64           // only of the phase Proved; 0 where not known
	try    uint32           // counts from 1
	again  bool             // the operator has asked to send the proof again, whatever was sent before
	// sentBefore reports that a proof of the hash was sent before this request, so that
	// the server may have stored it.
	sentBefore bool
	target     ledger.Target
	// kept waits until the body is stored. An error means that the delivery has ended.
	kept func() error
	// keep stores a body that is about to be sent, for the operator. It may be called
	// only while the event is being delivered.
	keep func(phase ethproofs.Phase, body []byte) error
}

// newRequest checks the event and builds the request body. An event that can never be
// sent is a permanent error.
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

// provingTime returns the host's proving time in milliseconds. A time under a
// millisecond counts as one.
func provingTime(facts map[string]string) (int64, error) {
	text, ok := facts[contract.FactProvingTimeMS]
	if !ok {
		return 0, fmt.Errorf("the event has no fact %s", contract.FactProvingTimeMS)
	}
	milliseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || milliseconds < 0 {
		return 0, fmt.Errorf("the fact %s is %q: want whole milliseconds", contract.FactProvingTimeMS, text)
	}
	return max(milliseconds, 1), nil
}

// cycles returns the number of proving cycles, and 0 where the event has none or one
// that cannot be sent: the proof is sent without it.
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
