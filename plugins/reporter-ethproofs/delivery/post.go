package delivery

import (
	"context"
	"errors"
	"math/bits"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// post sends a request, unless the ledger shows that the server has accepted it before
// or that the number has reached a later phase. It returns the facts of the delivery.
// The caller holds the lock of the number.
func (s *Sender) post(ctx context.Context, r *request) (map[string]string, error) {
	s.waiting.drop(r.block.Number)
	entry, err := s.ledger.Entry(r.target, r.block.Number)
	if err != nil {
		return nil, ledgerFault(err)
	}
	if r.phase != ethproofs.Proved {
		repeats := r.phase == entry.Acknowledged && r.block.Hash == entry.Hash
		if r.phase < entry.Reached || repeats {
			return skipped("the number has reached " + entry.Reached.String()), nil
		}
		if r.phase == ethproofs.Proving && entry.Acknowledged == ethproofs.Queued && s.pace.Busy() {
			s.waiting.add(r, time.Now())
			return skipped("left out while requests are waiting; it follows after a minute without a proof"), nil
		}
	} else if !r.again && entry.Accepted != nil && *entry.Accepted == r.block.Hash {
		return s.accepted(r, entry, contract.OutcomeAcceptedBefore), nil
	}
	if r.sentBefore, err = s.wasSent(r); err != nil {
		return nil, err
	}
	proofID, err := s.sendInOrder(ctx, r)
	switch {
	case err == nil:
		if entry, err = s.acknowledge(ctx, r, r.phase, proofID); err != nil {
			return nil, err
		}
		return s.accepted(r, entry, contract.OutcomeAccepted), nil
	case statusOf(err) == 409:
		return s.hasProof(ctx, r, err)
	case isRefusal(err) && r.phase == ethproofs.Proved && !r.sentBefore:
		if _, fault := s.ledger.Update(r.target, r.block.Number, func(e *ledger.Entry) { e.MarkRefused(r.block.Hash) }); fault != nil {
			return nil, ledgerFault(fault)
		}
	}
	return nil, err
}

// wasSent reports whether a proof of the block's hash was sent before, under any
// version of the cluster, and may be the proof that the server has.
func (s *Sender) wasSent(r *request) (bool, error) {
	entries, err := s.ledger.Versions(s.options.URL, s.options.Cluster, r.block.Number)
	if err != nil {
		return false, ledgerFault(err)
	}
	for _, entry := range entries {
		if entry.HasSent(r.block.Hash) {
			return true, nil
		}
	}
	return false, nil
}

// isPowerOfTwo reports whether a try, counted from 1, is one of those at which sendInOrder
// asks for the row of the block.
func isPowerOfTwo(try uint32) bool { return bits.OnesCount32(max(try, 1)) == 1 }

// send waits for the pace of the key, records in the ledger what it is about to send,
// and sends the body. It returns the proof_id. Proofs are sent before announcements.
func (s *Sender) send(ctx context.Context, r *request, phase ethproofs.Phase, body []byte) (int64, error) {
	priority := ethproofs.Normal
	if r.phase == ethproofs.Proved {
		priority = ethproofs.Urgent
	}
	if err := s.pace.Wait(ctx, priority); err != nil {
		return 0, err
	}
	_, err := s.ledger.Update(r.target, r.block.Number, func(e *ledger.Entry) {
		e.MarkSent(phase, r.block.Hash)
		if phase == ethproofs.Proved {
			e.MarkProof(r.proof)
		}
	})
	if err != nil {
		s.pace.Answered(nil)
		return 0, ledgerFault(err)
	}
	if err := r.kept(); err != nil {
		s.pace.Answered(nil)
		return 0, err
	}
	began := time.Now()
	proofID, limit, err := s.client.Send(ctx, phase, body)
	s.pace.Answered(limit)
	s.options.Log.Debug("asked EthProofs", "block", r.block.Number, "phase", phase.String(), "bytes", len(body),
		"took", time.Since(began).Round(time.Millisecond), "proof_id", proofID, "error", err)
	if e, ok := errors.AsType[*ethproofs.StatusError](err); ok && e.Status == 429 {
		s.pace.Hold(e.RetryAfter)
	}
	return proofID, err
}

// sendInOrder sends a request. Before a proof it sends an announcement where the number
// has none that was acknowledged: the server answers 500 for a proof of an unknown
// number, and the host leaves out the announcements of a block whose proof was finished
// before they were sent.
//
// The server answers with the same 500 to an unknown number and to a passing fault. At
// some of the tries sendInOrder therefore asks whether the site has the row of the
// block, which does not count against the key's budget. A restored backup may have lost
// the row; then the number is announced again.
func (s *Sender) sendInOrder(ctx context.Context, r *request) (int64, error) {
	if r.phase != ethproofs.Proved {
		return s.send(ctx, r, r.phase, r.body)
	}
	known, err := s.isKnown(r)
	if err != nil {
		return 0, err
	}
	if !known {
		if err := s.announce(ctx, r); err != nil {
			return 0, err
		}
		return s.send(ctx, r, ethproofs.Proved, r.body)
	}
	proofID, err := s.send(ctx, r, ethproofs.Proved, r.body)
	if !isDatabaseError(err) || !isPowerOfTwo(r.try) {
		return proofID, err
	}
	if _, rowErr := s.client.Block(ctx, r.block.Number); !errors.Is(rowErr, ethproofs.ErrNotFound) {
		return 0, err
	}
	s.options.Log.Warn("EthProofs does not know the block any more; announcing it again", "block", r.block.Number, "answer", err)
	if err := s.announce(ctx, r); err != nil {
		return 0, err
	}
	return s.send(ctx, r, ethproofs.Proved, r.body)
}

// isKnown reports whether this stage has made the number known to the server, under any
// version of the cluster: all versions share the row of the block.
func (s *Sender) isKnown(r *request) (bool, error) {
	entries, err := s.ledger.Versions(s.options.URL, s.options.Cluster, r.block.Number)
	if err != nil {
		return false, ledgerFault(err)
	}
	for _, entry := range entries {
		if entry.Acknowledged != 0 || entry.Reached == ethproofs.Proved {
			return true, nil
		}
	}
	return false, nil
}

// announce makes the number known to the server for a proof that is about to be sent.
// It sends the phase proving, the only announcement that never lowers the status of a
// row.
func (s *Sender) announce(ctx context.Context, r *request) error {
	body, err := ethproofs.StatusBody(r.block.Number, s.options.Cluster)
	if err != nil {
		return contract.Permanent(err)
	}
	if err := r.kept(); err != nil {
		return err
	}
	if err := r.keep(ethproofs.Proving, body); err != nil {
		return err
	}
	proofID, err := s.send(ctx, r, ethproofs.Proving, body)
	if err != nil {
		return err
	}
	_, err = s.acknowledge(ctx, r, ethproofs.Proving, proofID)
	return err
}

// acknowledge records an answer of 200 and returns the new entry. A proof_id that
// differs from the entry's means that the server has put the phase under a new version
// of the cluster.
func (s *Sender) acknowledge(ctx context.Context, r *request, phase ethproofs.Phase, proofID int64) (ledger.Entry, error) {
	entry, err := s.ledger.Entry(r.target, r.block.Number)
	if err != nil {
		return entry, ledgerFault(err)
	}
	if entry.ProofID != 0 && entry.ProofID != proofID && !r.again {
		if err := s.moveToNewVersion(ctx, r, entry.ProofID, proofID); err != nil {
			return entry, err
		}
	}
	entry, err = s.ledger.Update(r.target, r.block.Number, func(e *ledger.Entry) {
		e.MarkSent(phase, r.block.Hash)
		e.MarkAcknowledged(phase, r.block.Hash, proofID, time.Now().UTC())
	})
	if err != nil {
		return entry, ledgerFault(err)
	}
	return entry, nil
}

// moveToNewVersion reads the cluster's version and, where it is new, changes the target
// of the request to it. Where the version cannot be read, the entry stays under the old
// version; that is safe because wasSent and hasProof search all versions.
func (s *Sender) moveToNewVersion(ctx context.Context, r *request, old, now int64) error {
	version, err := s.version.refresh(ctx)
	if err != nil || version == r.target.Version {
		s.options.Log.Warn("EthProofs has given the block another proof_id", "block", r.block.Number, "before", old, "now", now, "error", err)
		return nil
	}
	s.options.Log.Warn("the block was announced under the cluster's old version and stays unproved there",
		"block", r.block.Number, "old_version", r.target.Version, "new_version", version, "proof_id", old)
	if _, err := s.ledger.Update(r.target, r.block.Number, func(e *ledger.Entry) { e.Failed = true }); err != nil {
		return ledgerFault(err)
	}
	r.target.Version = version
	return nil
}

// accepted returns the facts of a delivery that the server has accepted. After a proof
// it also schedules the check of the stored proof.
func (s *Sender) accepted(r *request, entry ledger.Entry, outcome string) map[string]string {
	facts := map[string]string{FactOutcome: outcome}
	if entry.ProofID != 0 {
		facts[FactProofID] = strconv.FormatInt(entry.ProofID, 10)
	}
	if r.phase != ethproofs.Proved {
		return facts
	}
	s.settle(r.block.Number)
	s.options.Log.Info("EthProofs has the proof", "block", r.block.Number, "outcome", outcome, "proof_id", entry.ProofID, "bytes", r.proof.Size)
	s.scheduleCheck(r, entry)
	return facts
}
