package prover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/sdk"
)

// finished is a run that ended well, before its files were looked at.
type finished struct {
	outcome
	dir string
}

// outputDir is where the tool writes. It is made for the attempt: a proof of an
// earlier one can then never be taken for one of this.
func outputDir(t *sdk.Task) string { return filepath.Join(t.Temp(), "output") }

// locked runs the tool while the cards are ours. The caller cleans up after it.
func (p *Prover) locked(ctx context.Context, t *sdk.Task, input string) (finished, error) {
	if err := p.checkPorts(); err != nil {
		return finished{}, err
	}
	args, err := p.version.Command(p.request(input, outputDir(t)))
	if err != nil {
		return finished{}, sdk.Environment(err, "change the stage's config")
	}
	return p.attempt(t, func(r run) (outcome, error) {
		ctx, cancel := p.limited(ctx, r.gas)
		defer cancel()
		r.args = args
		// The next block is made ready, up to the lock, while the tool writes its files and
		// ends, which with the memory that it has takes a while.
		r.made = func() { collecting(t) }
		t.Log.Debug("cargo-zisk", "args", args)
		return p.execute(ctx, r)
	})
}

// Limits of a silence where the stage sets none. Without a GPU a phase that
// prints nothing can take very long.
const (
	silenceGPU = 15 * time.Minute
	silenceCPU = 2 * time.Hour
)

// silence returns for how long a run may print nothing.
func (p *Prover) silence() time.Duration {
	switch {
	case p.config.SilenceTimeout > 0:
		return p.config.SilenceTimeout.Std()
	case p.gpu || p.cards != "" && !p.version.HasGPUFlag():
		return silenceGPU
	}
	return silenceCPU
}

// limited ends the context when the run takes much longer than those before.
func (p *Prover) limited(ctx context.Context, gas uint64) (context.Context, context.CancelFunc) {
	if limit, ok := p.history.deadline(p.kind(), gas, p.config.DeadlineFactor); ok {
		return context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w (%v)", errDeadline, limit.Round(time.Second)))
	}
	return ctx, func() {}
}

// attempt has a proof made by execute in a new output directory. The output of a
// failed one is kept, the time of a good one learned.
func (p *Prover) attempt(t *sdk.Task, execute func(run) (outcome, error)) (done finished, err error) {
	done.dir = outputDir(t)
	if err := os.Mkdir(done.dir, 0o700); err != nil {
		return done, fmt.Errorf("output directory of the attempt: %w", err)
	}
	transcript, err := newTranscript(filepath.Join(t.Temp(), transcriptFile))
	if err != nil {
		return done, err
	}
	defer transcript.close()
	kind := p.kind()
	gas := gasOf(t)
	start := time.Now()
	expected, known := p.history.expect(kind, gas)
	done.outcome, err = execute(run{
		dir: t.Temp(), log: t.Log, gas: gas, silence: p.silence(), started: func() { accepted(t) }, transcript: transcript,
		progress: func(now zisk.Progress) {
			progress := sdk.Progress{Phase: now.Phase, Fraction: now.Fraction, Note: now.Note}
			if known {
				progress.ETA = max(expected-time.Since(start), 0)
			}
			t.Progress(progress)
		},
	})
	if err != nil {
		p.reconsider(err)
		if kept, keepErr := transcript.keep(filepath.Join(p.stateDir, transcriptDir), t.Job, t.Attempt); keepErr != nil {
			t.Log.Warn("keep the output of cargo-zisk", "error", keepErr)
		} else {
			t.Log.Info("the whole output of cargo-zisk is kept", "file", kept)
		}
		return done, err
	}
	p.history.learn(observation{Kind: kind, Gas: gas, Wall: done.wall, At: time.Now().UTC()})
	p.background.Go(func() { // the proof does not wait for that
		if err := p.history.save(); err != nil {
			t.Log.Warn("remember the time of the proof", "error", err)
		}
	})
	return done, nil
}

// reconsider forgets the set-up when a run failed for want of it.
func (p *Prover) reconsider(err error) {
	if f, ok := errors.AsType[*zisk.Failure](err); ok && (f.Code == zisk.CodeAssembly || f.Code == zisk.CodeConstantTrees) {
		p.forgetSetup()
		p.setup.mu.Lock()
		if !p.setup.running {
			p.setup.err = err // the next attempt starts the set-up again
		}
		p.setup.mu.Unlock()
	}
}

// kind names runs whose times can be compared.
func (p *Prover) kind() string {
	action := p.config.Action
	if p.config.warm() {
		action += " by server" // without the start
	}
	return strings.Join([]string{action, p.version.String(), p.elfSum[:16], strings.Join(p.config.GPUs, ","), p.cards}, "|")
}
