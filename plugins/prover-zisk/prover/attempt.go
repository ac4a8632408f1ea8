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
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// finishedRun is a run that ended with exit status 0, and whose files were not checked yet.
type finishedRun struct {
	outcome
	dir string // output directory
}

// outputDir returns the directory to which the tool writes. It is made for the attempt, so
// that the proof of an earlier attempt is never taken for one of this attempt.
func outputDir(t *sdk.Task) string { return filepath.Join(t.Temp(), "output") }

// runLocked runs the tool. The caller holds the lock of the cards, and cleans up after it.
// The key of the program is nil if it is not known.
func (p *Prover) runLocked(ctx context.Context, t *sdk.Task, input string, program *proof.Key) (finishedRun, error) {
	if err := p.checkPorts(); err != nil {
		return finishedRun{}, err
	}
	args, err := p.version.Command(p.request(input, outputDir(t)))
	if err != nil {
		return finishedRun{}, sdk.Environment(err, "change the stage's config")
	}
	return p.attempt(t, func(r run) (outcome, error) {
		ctx, cancel := p.withDeadline(ctx, r.gas)
		defer cancel()
		r.args = args
		// The tool prints its figures when it has written its files. While it releases its
		// memory, the proof is verified, and the next block is prepared up to the lock.
		began := time.Now()
		r.made = func() {
			reportCollecting(t)
			p.background.Go(func() { p.verifyEarly(t.Log, program, finishedRun{outcome{start: began}, outputDir(t)}) })
		}
		t.Log.Debug("cargo-zisk", "args", args)
		return p.execute(ctx, r)
	})
}

// The longest time for which a run may print nothing, unless the stage sets it. Without a
// GPU a phase that prints nothing can take very long.
const (
	silenceGPU = 15 * time.Minute
	silenceCPU = 2 * time.Hour
)

// silence returns the longest time for which a run may print nothing.
func (p *Prover) silence() time.Duration {
	switch {
	case p.config.SilenceTimeout > 0:
		return p.config.SilenceTimeout.Std()
	case p.gpu || p.cards != "" && !p.version.HasGPUFlag():
		return silenceGPU
	}
	return silenceCPU
}

// withDeadline returns a context that ends when the run takes much longer than the runs
// before.
func (p *Prover) withDeadline(ctx context.Context, gas uint64) (context.Context, context.CancelFunc) {
	if limit, ok := p.history.deadline(p.kind(), gas, p.config.DeadlineFactor); ok {
		return context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w (%v)", errDeadline, limit.Round(time.Second)))
	}
	return ctx, func() {}
}

// attempt calls execute with a new output directory. After a failure it keeps the tool's
// output in the state directory; after a success it adds the run's time to the history.
func (p *Prover) attempt(t *sdk.Task, execute func(run) (outcome, error)) (done finishedRun, err error) {
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
		dir: t.Temp(), log: t.Log, gas: gas, silence: p.silence(), started: func() { reportAccepted(t) }, transcript: transcript,
		progress: func(now zisk.Progress) {
			progress := sdk.Progress{Phase: now.Phase, Fraction: now.Fraction, Note: now.Note}
			if known {
				progress.ETA = max(expected-time.Since(start), 0)
			}
			t.Progress(progress)
		},
	})
	if err != nil {
		p.forgetSetupAfter(err)
		if kept, keepErr := transcript.keep(filepath.Join(p.stateDir, transcriptDir), t.Job, t.Attempt); keepErr != nil {
			t.Log.Warn("keep the output of cargo-zisk", "error", keepErr)
		} else {
			t.Log.Info("the whole output of cargo-zisk is kept", "file", kept)
		}
		return done, err
	}
	p.history.learn(observation{Kind: kind, Gas: gas, Wall: done.wall, At: time.Now().UTC()})
	p.background.Go(func() { // the proof does not wait for the file
		if err := p.history.save(); err != nil {
			t.Log.Warn("remember the time of the proof", "error", err)
		}
	})
	return done, nil
}

// forgetSetupAfter has the set-up run again if a run failed because its files are missing.
func (p *Prover) forgetSetupAfter(err error) {
	if f, ok := errors.AsType[*zisk.Failure](err); ok && (f.Code == zisk.CodeAssembly || f.Code == zisk.CodeConstantTrees) {
		p.forgetSetup()
		p.setup.mu.Lock()
		if !p.setup.running {
			p.setup.err = err // the next attempt starts the set-up again
		}
		p.setup.mu.Unlock()
	}
}

// kind returns a key that is the same for runs whose times can be compared.
func (p *Prover) kind() string {
	action := p.config.Action
	if p.config.warm() {
		action += " by server" // the time of a server's proof does not include the start
	}
	return strings.Join([]string{action, p.version.String(), p.elfSum[:16], strings.Join(p.config.GPUs, ","), p.cards}, "|")
}
