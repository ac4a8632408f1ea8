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
	// firstLook is when a stored proof is looked at first: the server uploads it
	// after its answer.
	firstLook = 3 * time.Second
	// checkTimeout bounds one look.
	checkTimeout = 2 * time.Minute
	// missing is how many looks find no file before it counts as lost.
	missing = 5
	// checkFor is for how long a proof is looked at that cannot be.
	checkFor = 24 * time.Hour
)

// checks looks at stored proofs in the background. What it finds is logged and
// makes the health degraded; no client can mend it, and no report depends on it.
type checks struct {
	mu       *sync.Mutex
	wake     chan struct{}
	accepted int    // proofs since the start, which VerifyEvery counts
	found    string // the latest proof that was found wanting
	count    int    // of those
}

func newChecks() checks { return checks{mu: new(sync.Mutex), wake: make(chan struct{}, 1)} }

func (c *checks) describe() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == 0 {
		return ""
	}
	return fmt.Sprintf("%d stored proofs were found wanting since the start, the last: %s", c.count, c.found)
}

// lookLater notes an accepted proof that is to be looked at.
func (s *Sender) lookLater(r *request, entry ledger.Entry) {
	if entry.ProofID == 0 || s.options.VerifyEvery == 0 && !s.options.Confirm {
		return
	}
	s.checks.mu.Lock()
	s.checks.accepted++
	verify := s.options.VerifyEvery > 0 && (s.checks.accepted-1)%s.options.VerifyEvery == 0
	s.checks.mu.Unlock()
	now := time.Now().UTC()
	err := s.ledger.PutCheck(ledger.Check{Target: r.target, Number: r.block.Number, ProofID: entry.ProofID, Proof: r.proof,
		Download: s.options.Confirm, Verify: verify, Since: now, Due: now.Add(firstLook)})
	if err != nil {
		s.options.Log.Warn("the stored proof will not be looked at", "block", r.block.Number, "error", err)
		return
	}
	select {
	case s.checks.wake <- struct{}{}:
	default:
	}
}

// runChecks makes one look after the other until the context ends.
func (s *Sender) runChecks(ctx context.Context) {
	for ctx.Err() == nil {
		wait := time.Minute
		check, found, err := s.ledger.NextCheck(s.options.URL, s.options.Cluster)
		switch {
		case err != nil:
			s.options.Log.Warn("stored proofs cannot be looked at", "error", err)
		case found:
			if wait = time.Until(check.Due); wait <= 0 {
				s.look(ctx, check)
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

// look does what is left of a check and records what is left then.
func (s *Sender) look(ctx context.Context, check ledger.Check) {
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
		return // looked at again after the start
	}
	if err != nil {
		check.Tries++
		check.Due = time.Now().UTC().Add(pauseOf(err, uint32(check.Tries)))
		if time.Since(check.Since) > checkFor {
			s.options.Log.Warn("the stored proof could not be looked at", "block", check.Number, "proof_id", check.ProofID, "error", err)
			check.Download, check.Verify = false, false
		}
	}
	if err := s.ledger.PutCheck(check); err != nil {
		s.options.Log.Warn("what was found of a stored proof cannot be recorded", "block", check.Number, "error", err)
	}
}

// pauseOf honours what a 429 asks for.
func pauseOf(err error, try uint32) time.Duration {
	pause := backoff(try)
	if status, ok := errors.AsType[*ethproofs.StatusError](err); ok {
		pause = max(pause, status.RetryAfter)
	}
	return pause
}

// compare downloads the stored bytes. An error means that it is not decided yet.
func (s *Sender) compare(ctx context.Context, check *ledger.Check) error {
	if err := s.pace.Wait(ctx, ethproofs.Background); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	stored, err := s.client.Download(limited, check.ProofID, s.options.MaxProofBytes)
	s.pace.Answered(nil) // the route counts down from another ceiling
	switch {
	case errors.Is(err, ethproofs.ErrNoDownload) && check.Tries+1 >= missing:
		s.wanting(*check, fmt.Sprintf("EthProofs has accepted the proof but serves no file for it: %v", err))
		return nil
	case err != nil:
		return err
	case sha256.Sum256(stored) != check.Proof.SHA256:
		s.wanting(*check, fmt.Sprintf("EthProofs has accepted a proof of %d bytes but serves another file of %d bytes", check.Proof.Size, len(stored)))
		return nil
	}
	s.options.Log.Info("the stored proof is the one that was sent", "block", check.Number, "proof_id", check.ProofID)
	return nil
}

// verify has the site's own verifier look. An error means that it has not decided
// yet.
func (s *Sender) verify(ctx context.Context, check *ledger.Check) error {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	verdict, err := s.client.Verify(limited, check.ProofID)
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
		s.wanting(*check, reason)
	default:
		s.options.Log.Info("EthProofs' own verifier takes the proof", "block", check.Number, "proof_id", check.ProofID, "took_ms", verdict.Millis)
	}
	return nil
}

// wanting records a stored proof that only the EthProofs team can mend.
func (s *Sender) wanting(check ledger.Check, reason string) {
	s.options.Log.Error("a stored proof was found wanting", "block", check.Number, "proof_id", check.ProofID, FactReason, reason)
	s.checks.mu.Lock()
	defer s.checks.mu.Unlock()
	s.checks.count++
	s.checks.found = fmt.Sprintf("block %d (proof_id %d): %s", check.Number, check.ProofID, reason)
}
