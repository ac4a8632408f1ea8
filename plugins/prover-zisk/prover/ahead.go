package prover

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"
	"sync"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// aheadLimit is how many verifications are begun of which the host has asked for none.
const aheadLimit = 2

// ahead holds the verifications in this process that were begun when their proof was read,
// while its files go to the host and come back to be verified. The zero value is ready for
// use; its methods may be called concurrently.
type ahead struct {
	mu      sync.Mutex
	begun   []*verification // the oldest first
	claimed bool            // one was asked for since the last was begun
}

// verification is the verdict, soon, on certain bytes under certain keys.
type verification struct {
	of     subject
	done   chan struct{} // closed at its end
	judged bool          // err is a verdict; both are valid then
	err    error
}

// subject is all that a verdict depends on besides the stage's configuration.
type subject struct {
	digest         [sha256.Size]byte // of the bytes that are reported
	minimal        bool
	program, setup proof.Key // zero for none
}

func subjectOf(reported []byte, minimal bool, program, setup *proof.Key) subject {
	s := subject{digest: sha256.Sum256(reported), minimal: minimal}
	if program != nil {
		s.program = *program
	}
	if setup != nil {
		s.setup = *setup
	}
	return s
}

// begin starts a verification, unless the last ones were in vain: a stage need not have its
// proofs verified. Verify runs in a goroutine that start begins.
func (a *ahead) begin(of subject, start func(func()), verify func() error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.begun) == aheadLimit {
		if !a.claimed {
			return
		}
		a.begun = slices.Delete(a.begun, 0, 1) // of an attempt that failed
	}
	a.claimed = false
	v := &verification{of: of, done: make(chan struct{})}
	a.begun = append(a.begun, v)
	start(func() {
		defer close(v.done)
		defer func() { _ = recover() }() // it is made again where the caller hears of it
		v.err = verify()
		v.judged = true
	})
}

// verdict returns that of a verification that was begun of the same, once it is there.
// Without one judged is false.
func (a *ahead) verdict(ctx context.Context, of subject) (judged bool, err error) {
	a.mu.Lock()
	a.claimed = true
	i := slices.IndexFunc(a.begun, func(v *verification) bool { return v.of == of })
	if i < 0 {
		a.mu.Unlock()
		return false, nil
	}
	v := a.begun[i]
	a.begun = slices.Delete(a.begun, i, i+1)
	a.mu.Unlock()
	select {
	case <-v.done:
		return v.judged, v.err
	case <-ctx.Done():
		return true, sdk.Interrupted(context.Cause(ctx))
	}
}

// verifyAhead begins to verify a proof of which the files are about to be published.
func (p *Prover) verifyAhead(log *slog.Logger, decoded *proof.Proof, program *proof.Key) {
	if builtin, _ := p.verifiers(); !builtin {
		return
	}
	setup, err := p.reportedSetup(decoded)
	if err != nil {
		return // Verify says what is wrong
	}
	reported, err := decoded.Wire(p.release(), setup)
	if err != nil {
		return
	}
	p.ahead.begin(subjectOf(reported, decoded.Minimal, program, setup), p.background.Go, func() error {
		return p.verifyInProcess(log, reported, decoded.Minimal, program, setup)
	})
}
