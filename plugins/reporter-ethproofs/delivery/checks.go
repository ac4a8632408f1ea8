package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
)

const (
	// checkDelay is the time between the acceptance of a proof and its first check.
	// The server uploads the file after its answer.
	checkDelay = 3 * time.Second
	// checkTimeout bounds one request of a check.
	checkTimeout = 2 * time.Minute
	// maxMissing is how many tries of a check may find no file before the file counts
	// as lost.
	maxMissing = 5
	// checkPeriod is how long a check that fails is tried again.
	checkPeriod = 24 * time.Hour
)

// checks is the state of the background checks of stored proofs. A fault is logged and
// makes the health degraded. The plugin cannot repair a stored proof, and no report
// depends on a check.
type checks struct {
	mu        *sync.Mutex
	wake      chan struct{} // receives when a check was scheduled
	accepted  int           // proofs accepted since the start, which VerifyEvery counts
	faults    int           // faults found since the start
	lastFault string        // describes the latest fault
}

func newChecks() checks { return checks{mu: new(sync.Mutex), wake: make(chan struct{}, 1)} }

func (c *checks) describe() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults == 0 {
		return ""
	}
	return fmt.Sprintf("%d stored proofs were found wanting since the start, the last: %s", c.faults, c.lastFault)
}

// scheduleCheck records an accepted proof in the ledger if the options demand a check
// of it.
func (s *Sender) scheduleCheck(r *request, entry ledger.Entry) {
	if entry.ProofID == 0 || s.options.VerifyEvery == 0 && !s.options.Confirm {
		return
	}
	s.checks.mu.Lock()
	s.checks.accepted++
	verify := s.options.VerifyEvery > 0 && (s.checks.accepted-1)%s.options.VerifyEvery == 0
	s.checks.mu.Unlock()
	now := time.Now().UTC()
	err := s.ledger.PutCheck(ledger.Check{Target: r.target, Number: r.block.Number, ProofID: entry.ProofID, Proof: r.proof,
		Download: s.options.Confirm, Verify: verify, Since: now, Due: now.Add(checkDelay)})
	if err != nil {
		s.options.Log.Warn("the stored proof will not be checked", "block", r.block.Number, "error", err)
		return
	}
	select {
	case s.checks.wake <- struct{}{}:
	default:
	}
}

// runChecks runs the scheduled checks one after the other until the context ends.
func (s *Sender) runChecks(ctx context.Context) {
	for ctx.Err() == nil {
		wait := time.Minute
		check, found, err := s.ledger.NextCheck(s.options.URL, s.options.Cluster)
		switch {
		case err != nil:
			s.options.Log.Warn("stored proofs cannot be checked", "error", err)
		case found:
			if wait = time.Until(check.Due); wait <= 0 {
				s.runCheck(ctx, check)
				continue
			}
		}
		timer := time.NewTimer(min(wait, time.Minute))
		select {
		case <-ctx.Done():
		case <-s.checks.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// runCheck runs the remaining steps of a check and records in the ledger the steps that
// remain after it.
func (s *Sender) runCheck(ctx context.Context, check ledger.Check) {
	var err error
	if check.Download {
		if err = s.compare(ctx, &check); err == nil {
			check.Download = false
		}
	}
	if err == nil && check.Verify {
		if err = s.verify(ctx, &check); err == nil {
			check.Verify = false
		}
	}
	if ctx.Err() != nil {
		return // the check is repeated after the next start
	}
	if err != nil {
		check.Tries++
		check.Due = time.Now().UTC().Add(pauseOf(err, uint32(check.Tries)))
		if time.Since(check.Since) > checkPeriod {
			s.options.Log.Warn("the stored proof could not be checked", "block", check.Number, "proof_id", check.ProofID, "error", err)
			check.Download, check.Verify = false, false
		}
	}
	if err := s.ledger.PutCheck(check); err != nil {
		s.options.Log.Warn("the result of a check of a stored proof cannot be recorded", "block", check.Number, "error", err)
	}
}

// pauseOf returns the pause after a failed try: the backoff, or the longer time that
// an answer of 429 demands.
func pauseOf(err error, try uint32) time.Duration {
	pause := backoff(try)
	if status, ok := errors.AsType[*ethproofs.StatusError](err); ok {
		pause = max(pause, status.RetryAfter)
	}
	return pause
}

// compare downloads the stored bytes and compares them with the proof that was sent. It
// returns an error where it could not decide, so that the step is tried again.
func (s *Sender) compare(ctx context.Context, check *ledger.Check) error {
	if err := s.pace.Wait(ctx, ethproofs.Background); err != nil {
		return err
	}
	requestCtx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	stored, err := s.client.Download(requestCtx, check.ProofID, s.options.MaxProofBytes)
	s.pace.Answered(nil) // the count of this route is for a lower limit
	switch {
	case errors.Is(err, ethproofs.ErrNoDownload) && check.Tries+1 >= maxMissing:
		s.recordFault(*check, fmt.Sprintf("EthProofs has accepted the proof but serves no file for it: %v", err))
		return nil
	case err != nil:
		return err
	case sha256.Sum256(stored) != check.Proof.SHA256:
		s.recordFault(*check, fmt.Sprintf("EthProofs has accepted a proof of %d bytes but serves another file of %d bytes", check.Proof.Size, len(stored)))
		return nil
	}
	s.options.Log.Info("the stored proof is the one that was sent", "block", check.Number, "proof_id", check.ProofID)
	return nil
}

// verify has the site's verifier check the stored proof. It returns an error where the
// verifier did not decide, so that the step is tried again.
func (s *Sender) verify(ctx context.Context, check *ledger.Check) error {
	requestCtx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	verdict, err := s.client.Verify(requestCtx, check.ProofID)
	switch {
	case errors.Is(err, ethproofs.ErrNoVerifier):
		return nil
	case err != nil:
		return err
	case verdict.Valid == nil:
		s.options.Log.Warn("EthProofs cannot verify the stored proof", "block", check.Number, "proof_id", check.ProofID, FactReason, verdict.Reason)
	case !*verdict.Valid:
		reason := "EthProofs' own verifier refuses the proof"
		if verdict.Reason != "" {
			reason += ": " + verdict.Reason
		}
		s.recordFault(*check, reason)
	default:
		s.options.Log.Info("EthProofs' own verifier takes the proof", "block", check.Number, "proof_id", check.ProofID, "took_ms", verdict.Millis)
	}
	return nil
}

// recordFault logs and counts a faulty stored proof, which only the EthProofs team can
// repair.
func (s *Sender) recordFault(check ledger.Check, reason string) {
	s.options.Log.Error("a stored proof was found wanting", "block", check.Number, "proof_id", check.ProofID, FactReason, reason)
	s.checks.mu.Lock()
	defer s.checks.mu.Unlock()
	s.checks.faults++
	s.checks.lastFault = fmt.Sprintf("block %d (proof_id %d): %s", check.Number, check.ProofID, reason)
}
