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

// aheadLimit is how many verifications are begun before the host has asked for one.
const aheadLimit = 2

// ahead holds verifications in this process that began when the proof was read, before the
// host asks for them. The files of the proof are published meanwhile. The zero value is ready
// for use. Its methods may be called concurrently.
type ahead struct {
	mu      sync.Mutex
	begun   []*verification // oldest first
	claimed bool            // verdict was called since the latest begin
}

// verification is a verification that runs or has ended.
type verification struct {
	of     subject
	done   chan struct{} // closed at the end; judged and err are valid then
	judged bool          // err is the verdict; false after a panic
	err    error         // nil for a valid proof
}

// subject identifies the bytes and the keys of a verification.
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

// begin starts a verification, unless one of the same subject was begun, or the host has
// asked for none of the latest ones, as in a stage whose proofs are not verified. Verify runs
// in a goroutine that start begins.
func (a *ahead) begin(of subject, start func(func()), verify func() error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.ContainsFunc(a.begun, func(v *verification) bool { return v.of == of }) {
		return
	}
	if len(a.begun) == aheadLimit {
		if !a.claimed {
			return
		}
		a.begun = slices.Delete(a.begun, 0, 1) // it belongs to an attempt that has failed
	}
	a.claimed = false
	v := &verification{of: of, done: make(chan struct{})}
	a.begun = append(a.begun, v)
	start(func() {
		defer close(v.done)
		defer func() { _ = recover() }() // Verify repeats the verification and panics in its caller
		v.err = verify()
		v.judged = true
	})
}

// verdict waits for the verification of the same subject and returns its verdict. Judged is
// false where there is none. Where ctx ends first, the error is interrupted.
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

// verifyEarly begins the verification of the proof of a run that has printed its figures and
// may not have ended. If the proof cannot be read yet, the verification begins after the run.
func (p *Prover) verifyEarly(log *slog.Logger, program *proof.Key, run finishedRun) {
	if builtin, _ := p.verifiers(); !builtin || !p.MakesProof() {
		return
	}
	if decoded, err := p.readProof(run); err == nil && checkProgram(decoded, program) == nil {
		p.verifyAhead(log, decoded, program)
	}
}

// verifyAhead begins the verification of a proof whose files are about to be published.
func (p *Prover) verifyAhead(log *slog.Logger, decoded *proof.Proof, program *proof.Key) {
	if builtin, _ := p.verifiers(); !builtin {
		return
	}
	setup, err := p.reportedSetup(decoded)
	if err != nil {
		return // Verify returns the error
	}
	reported, err := decoded.Wire(p.release(), setup)
	if err != nil {
		return
	}
	p.ahead.begin(subjectOf(reported, decoded.Minimal, program, setup), p.background.Go, func() error {
		return p.verifyInProcess(log, reported, decoded.Minimal, program, setup)
	})
}
