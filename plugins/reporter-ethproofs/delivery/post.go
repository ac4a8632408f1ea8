package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// post sends a letter unless the ledger says that it was taken, or that the
// number is further already. The caller holds the number's lock.
func (c *Courier) post(ctx context.Context, l *letter) (map[string]string, error) {
	entry, err := c.ledger.Entry(l.target, l.block.Number)
	if err != nil {
		return nil, ledgerFault(err)
	}
	if l.phase == ethproofs.Proved && entry.Accepted != nil && *entry.Accepted == l.block.Hash {
		return c.accepted(ctx, l, entry, OutcomeBefore)
	}
	repeats := l.phase == entry.Acknowledged && l.block.Hash == entry.Hash
	if l.phase != ethproofs.Proved && (l.phase < entry.Reached || repeats) {
		return map[string]string{FactOutcome: OutcomeSkipped}, nil
	}
	sentBefore := entry.Accepted == nil && slices.Contains(entry.Sent, l.block.Hash)
	proofID, err := c.send(ctx, l, l.phase, l.body)
	if l.phase == ethproofs.Proved && isDatabaseError(err) {
		sentBefore = entry.Accepted == nil
		proofID, err = c.announceAndSend(ctx, l, entry, err)
	}
	switch {
	case err == nil:
		entry, err := c.ledger.Update(l.target, l.block.Number, func(e *ledger.Entry) {
			e.MarkAcknowledged(l.phase, l.block.Hash, proofID, time.Now().UTC())
		})
		if err != nil {
			return nil, ledgerFault(err)
		}
		return c.accepted(ctx, l, entry, OutcomeAccepted)
	case statusOf(err) == 409 && l.phase == ethproofs.Proved && sentBefore:
		entry, err := c.ledger.Update(l.target, l.block.Number, func(e *ledger.Entry) {
			e.MarkAcknowledged(l.phase, l.block.Hash, 0, time.Now().UTC())
		})
		if err != nil {
			return nil, ledgerFault(err)
		}
		return c.accepted(ctx, l, entry, OutcomeBefore)
	case statusOf(err) == 409:
		return nil, c.conflict(l, err)
	case isRefusal(err) && l.phase == ethproofs.Proved && !sentBefore:
		if _, fault := c.ledger.Update(l.target, l.block.Number, func(e *ledger.Entry) { e.MarkRefused(l.block.Hash) }); fault != nil {
			return nil, ledgerFault(fault)
		}
	}
	return nil, err
}

// send waits for the key's pace, notes in the ledger what is about to be said,
// and says it. Proofs go first.
func (c *Courier) send(ctx context.Context, l *letter, phase ethproofs.Phase, body []byte) (int64, error) {
	if err := c.pace.Wait(ctx, phase == ethproofs.Proved); err != nil {
		return 0, err
	}
	if _, err := c.ledger.Update(l.target, l.block.Number, func(e *ledger.Entry) { e.MarkSent(phase, l.block.Hash) }); err != nil {
		return 0, ledgerFault(err)
	}
	began := time.Now()
	proofID, err := c.client.Send(ctx, phase, body)
	c.options.Log.Debug("asked EthProofs", "block", l.block.Number, "phase", phase.String(), "bytes", len(body),
		"took", time.Since(began).Round(time.Millisecond), "proof_id", proofID, "error", err)
	if e, ok := errors.AsType[*ethproofs.StatusError](err); ok && e.Status == 429 {
		c.pace.Hold(e.RetryAfter)
	}
	return proofID, err
}

// announceAndSend cures "block unknown", which the server answers with the same
// 500 as a passing fault: it says the phase that the number has reached, queued
// if none, and sends the proof again.
func (c *Courier) announceAndSend(ctx context.Context, l *letter, entry ledger.Entry, cause error) (int64, error) {
	phase := ethproofs.Queued
	if entry.Acknowledged == ethproofs.Proving {
		phase = ethproofs.Proving
	}
	c.options.Log.Warn("EthProofs may not know the block; announcing it again", "block", l.block.Number, "phase", phase.String(), "answer", cause)
	body, err := ethproofs.StatusBody(l.block.Number, c.options.Cluster)
	if err != nil {
		return 0, contract.Permanent(err)
	}
	if _, err := c.send(ctx, l, phase, body); err != nil {
		return 0, err
	}
	return c.send(ctx, l, ethproofs.Proved, l.body)
}

// accepted ends a delivery that the server has taken.
func (c *Courier) accepted(ctx context.Context, l *letter, entry ledger.Entry, outcome string) (map[string]string, error) {
	facts := map[string]string{FactOutcome: outcome}
	if entry.ProofID != 0 {
		facts[FactProofID] = strconv.FormatInt(entry.ProofID, 10)
	}
	if l.phase != ethproofs.Proved {
		return facts, nil
	}
	c.settle(l.block.Number)
	c.options.Log.Info("EthProofs has the proof", "block", l.block.Number, "outcome", outcome, "proof_id", entry.ProofID, "bytes", len(l.proof))
	if !c.options.Confirm || entry.Confirmed || entry.ProofID == 0 {
		return facts, nil
	}
	confirmed, err := c.confirm(ctx, l, entry)
	if err != nil {
		return nil, err
	}
	facts["confirmed"] = strconv.FormatBool(confirmed)
	return facts, nil
}

// confirmDelays are the pauses before each look at the stored proof: the server
// uploads it after its answer.
var confirmDelays = []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, 60 * time.Second}

// confirm compares the stored proof with the one sent. A server that stores
// something else, or nothing, is an error that no client can mend: it has
// accepted the proof and takes no other. One that cannot be asked is not.
func (c *Courier) confirm(ctx context.Context, l *letter, entry ledger.Entry) (bool, error) {
	var stored []byte
	var err error
	for _, delay := range confirmDelays {
		select {
		case <-ctx.Done():
			return false, contract.Interrupted(ctx.Err())
		case <-time.After(delay):
		}
		if err = c.pace.Wait(ctx, false); err != nil {
			return false, contract.Interrupted(err)
		}
		if stored, err = c.client.Download(ctx, entry.ProofID, c.options.MaxProofBytes); err == nil {
			break
		}
	}
	switch {
	case errors.Is(err, ethproofs.ErrNoDownload):
		return false, contract.Permanent(fmt.Errorf("EthProofs has accepted the proof of block %d (proof_id %d) but serves no file for it: %w; only the EthProofs team can mend that", l.block.Number, entry.ProofID, err))
	case err != nil:
		c.options.Log.Warn("the stored proof could not be compared with the one sent", "block", l.block.Number, "proof_id", entry.ProofID, "error", err)
		return false, nil
	case sha256.Sum256(stored) != sha256.Sum256(l.proof):
		return false, contract.Permanent(fmt.Errorf("EthProofs has accepted the proof of block %d (proof_id %d, %d bytes) but serves another file of %d bytes; only the EthProofs team can mend that", l.block.Number, entry.ProofID, len(l.proof), len(stored)))
	}
	if _, err := c.ledger.Update(l.target, l.block.Number, func(e *ledger.Entry) { e.Confirmed = true }); err != nil {
		return false, ledgerFault(err)
	}
	return true, nil
}

// conflict is the answer 409 where nothing of ours explains it.
func (c *Courier) conflict(l *letter, cause error) error {
	if _, err := c.ledger.Update(l.target, l.block.Number, func(e *ledger.Entry) {
		e.MarkRefused(l.block.Hash)
		e.Reached = ethproofs.Proved // there: no announcement makes sense any more
	}); err != nil {
		return ledgerFault(err)
	}
	return contract.Permanent(fmt.Errorf("conflict: cluster %d has a proof of block %d at EthProofs that was not sent by this stage for hash %s (does another process report for the same cluster?): %w",
		c.options.Cluster, l.block.Number, l.block.Hash, cause))
}

// noteFailure closes the block in the ledger, so that nobody waits for its
// proof. EthProofs has no call for it.
func (c *Courier) noteFailure(ctx context.Context, event Event) (map[string]string, error) {
	noted := map[string]string{FactOutcome: OutcomeNoted}
	if c.IsDryRun() {
		return noted, nil
	}
	unlock, err := c.numbers.lock(ctx, event.Block.Number)
	if err != nil {
		return nil, contract.Interrupted(err)
	}
	defer unlock()
	version, err := c.version.current(ctx)
	if err != nil {
		return nil, c.judge(err, event)
	}
	target := ledger.Target{URL: c.options.URL, Cluster: c.options.Cluster, Version: version}
	entry, err := c.ledger.Entry(target, event.Block.Number)
	if err != nil {
		return nil, ledgerFault(err)
	}
	if !entry.IsOpen() || entry.Hash != event.Block.Hash {
		return noted, nil
	}
	if _, err := c.ledger.Update(target, event.Block.Number, func(e *ledger.Entry) { e.Failed = true }); err != nil {
		return nil, ledgerFault(err)
	}
	c.settle(event.Block.Number)
	c.options.Log.Warn("an announced block is given up and stays unproved at EthProofs", "block", event.Block.Number, contract.FactReason, event.Facts[contract.FactReason])
	return noted, nil
}
