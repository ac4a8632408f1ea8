package prover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/proof"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Prover is a stage's prover. Its methods may be called concurrently; runs on
// the same cards wait for each other.
type Prover struct {
	config   Config
	stateDir string
	log      *slog.Logger
	bin      string
	version  zisk.Version
	elfSum   string
	gpu      bool   // pass the GPU switch
	cards    string // what proves, for people: "2 × NVIDIA RTX 4090"
	unlock   bool
	minimal  bool
	owner    machine.Owner
	known    known
	streak   tool.Streak

	setup     preparation
	footprint footprint
	history   *history
	warm      *warm // nil where every proof starts the tool anew

	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup
}

// Open makes the prover of a stage.
func Open(ctx context.Context, config Config, env sdk.Env) (*Prover, error) {
	p := &Prover{config: config, stateDir: env.StateDir, log: env.Log, owner: machine.OwnerOf(env.StateDir)}
	var err error
	if p.bin, err = tool.Locate(config.tool()); err != nil {
		return nil, err
	}
	if p.known.bin, err = stampOf(p.bin); err != nil {
		return nil, sdk.Environment(err, "set `bin` to the path of cargo-zisk")
	}
	if p.version, err = tool.Detect(ctx, p.bin); err != nil {
		return nil, err
	}
	if !p.version.Tested() {
		p.log.Warn("this release of ZisK is newer than any known; it is driven like the last known one", "version", p.version.String())
	}
	if p.config.ELF, err = filepath.Abs(config.ELF); err != nil {
		return nil, err
	}
	if p.known.elf, err = stampOf(p.config.ELF); err == nil {
		p.elfSum, err = fingerprint(p.config.ELF)
	}
	if err != nil {
		return nil, sdk.Environment(fmt.Errorf("guest program: %w", err), "set `elf` to the guest's ELF file")
	}
	if p.config.action() != zisk.Emulate {
		if err := p.choose(ctx); err != nil {
			return nil, err
		}
	}
	if p.history, err = openHistory(filepath.Join(p.stateDir, historyFile)); err != nil {
		p.log.Warn("the times of earlier proofs cannot be read; they are learned anew", "error", err)
	}
	// What an earlier life of this stage left, after a crash for example.
	p.footprint.path = filepath.Join(p.stateDir, footprintFile)
	p.footprint.load()
	if _, err := p.clean(p.log); err != nil {
		return nil, err
	}
	p.life, p.end = context.WithCancel(context.Background())
	if p.config.warm() {
		p.warm = newWarm(p)
	}
	if p.config.action() != zisk.Emulate {
		p.prepare()
	}
	return p, nil
}

// choose settles what the config leaves open, and refuses what the version
// cannot do.
func (p *Prover) choose(ctx context.Context) error {
	gpus, err := machine.GPUs(ctx)
	if err != nil && !errors.Is(err, machine.ErrNoGPUTool) {
		p.log.Warn("the cards cannot be listed", "error", err)
	}
	switch p.config.Device {
	case "gpu":
		p.gpu = p.version.HasGPUFlag()
	case "auto":
		p.gpu = p.version.HasGPUFlag() && len(gpus) > 0 && p.version.Build != zisk.BuildCPU
	}
	p.cards = describe(gpus, p.config.GPUs)
	switch p.config.Minimal {
	case "yes":
		p.minimal = true
	case "auto":
		family, _ := p.version.Family()
		p.minimal = family >= zisk.Family017
	}
	switch p.config.Unlock {
	case "always":
		p.unlock = true
	case "auto":
		_, enough := machine.Memlock()
		p.unlock = !enough
	}
	if p.config.Executor == "emulator" {
		p.unlock = false
	}
	if p.config.action() != zisk.Prove {
		p.minimal = false
	}
	if family, _ := p.version.Family(); p.MakesProof() && (p.config.VerifyKey != "" || family == zisk.Family016) {
		// Found out now rather than after the first proof: 0.16 leaves the key out
		// of its proofs, and verifiers want it.
		if _, err := p.config.setupKey(p.minimal); err != nil {
			return sdk.Environment(fmt.Errorf("the key of the proving setup: %w", err), "install the proving key (ziskup --provingkey), or set `verify_key` to its vadcop_final.verkey.bin")
		}
	}
	if p.config.warm() {
		if _, err := p.serverCommand(); err != nil {
			return sdk.Environment(err, "set `server: off`, or install ZisK 0.15")
		}
	}
	if _, err := p.version.Command(p.request("input", "output")); err != nil {
		return sdk.Environment(err, "change the stage's config, or install a version of ZisK that has it")
	}
	return nil
}

// describe names the cards of a set.
func describe(gpus []machine.GPU, chosen []string) string {
	var names []string
	count := make(map[string]int)
	for _, g := range gpus {
		if len(chosen) > 0 && !isChosen(g, chosen) {
			continue
		}
		if count[g.Name]++; count[g.Name] == 1 {
			names = append(names, g.Name)
		}
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%d × %s", count[name], name)
	}
	return strings.Join(names, ", ")
}

func isChosen(g machine.GPU, chosen []string) bool {
	for _, c := range chosen {
		if c == fmt.Sprint(g.Index) || strings.EqualFold(c, g.UUID) {
			return true
		}
	}
	return false
}

// request is the call of the tool for an input.
func (p *Prover) request(input, output string) zisk.Request {
	return zisk.Request{
		Action: p.config.action(), ELF: p.config.ELF, Input: input, OutputDir: output, ProvingKey: p.config.ProvingKey,
		Minimal: p.minimal, Unlock: p.unlock, MinimalMemory: p.config.MinimalMemory && p.config.action() == zisk.Prove,
		GPU: p.gpu, Emulator: p.config.Executor == "emulator", Port: p.config.Port, Extra: p.config.ExtraArgs,
	}
}

// lockDir is where the machine's provers keep their locks.
func (c Config) lockDir() string {
	if c.LockDir != "" {
		return c.LockDir
	}
	return machine.DefaultLockDir()
}

// MakesProof reports whether the stage is more than a gate.
func (p *Prover) MakesProof() bool { return p.config.action() == zisk.Prove }

// Note tells the operator what was found.
func (p *Prover) Note() string {
	device := p.cards
	if p.config.action() == zisk.Emulate {
		device = "on the CPU"
	} else if device == "" {
		device = "no GPU seen"
	}
	action := p.config.Action
	if p.warm != nil {
		action += " by a server that keeps the cards"
	}
	return fmt.Sprintf("ZisK %v, %s, %s, program %s", p.version, action, device, p.elfSum[:8])
}

// Health is unavailable while the set-up runs or has failed.
func (p *Prover) Health(context.Context) sdk.Health {
	s := &p.setup
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.running:
		return sdk.Health{State: sdk.HealthUnavailable, Detail: fmt.Sprintf("%s of the program runs since %v", s.step, time.Since(s.began).Round(time.Second))}
	case s.err != nil:
		// Degraded, not unavailable: the next block tries the set-up again.
		return sdk.Health{State: sdk.HealthDegraded, Detail: "the set-up of the program failed: " + s.err.Error()}
	}
	return sdk.Health{State: sdk.HealthReady}
}

// Close stops the set-up and the server, and waits for everything that still
// runs.
func (p *Prover) Close() error {
	p.end()
	if p.warm != nil {
		p.warm.close()
	}
	p.background.Wait()
	_, err := p.clean(p.log)
	return err
}

// Prove runs the stage's action on the task's input.
func (p *Prover) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	input, err := t.Input(sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	if err := p.version.CheckInput(input); err != nil {
		return nil, sdk.Permanent(err)
	}
	if err := p.checkUnchanged(ctx); err != nil {
		return nil, err
	}
	var result *sdk.Result
	if p.config.action() == zisk.Emulate {
		result, err = p.emulate(ctx, t, input)
	} else {
		var program *proof.Key
		if program, err = p.awaitSetup(ctx); err != nil {
			return nil, err
		}
		result, err = p.prove(ctx, t, input, program)
	}
	if err != nil {
		return nil, p.streak.Judge(t.Job, err, tool.Suspects(t)...)
	}
	p.streak.Succeeded(t.Job)
	return result, nil
}

// prove has the tool make the proof, or run the action of a gate, and publishes
// what it made.
func (p *Prover) prove(ctx context.Context, t *sdk.Task, input string, program *proof.Key) (*sdk.Result, error) {
	if p.warm != nil {
		result, s, err := p.warm.prove(ctx, t, input)
		if err != nil {
			return nil, err
		}
		collected, err := p.collect(t, program, result)
		if err != nil {
			s.distrust(err)
		}
		return collected, err
	}
	lock, err := p.lock(ctx, t.Log)
	if err != nil {
		return nil, err
	}
	pids, result, err := p.locked(ctx, t, input)
	p.handOn(lock, pids, t.Log)
	if err != nil {
		return nil, err
	}
	return p.collect(t, program, result)
}

// accepted tells the host that the input was checked and the tool works on it.
func accepted(t *sdk.Task) { t.Progress(sdk.Progress{Phase: contract.PhaseAccepted, Fraction: -1}) }

// lock waits for the cards.
func (p *Prover) lock(ctx context.Context, log *slog.Logger) (*machine.Lock, error) {
	lock, err := machine.AcquireGPUs(ctx, p.config.lockDir(), p.config.GPUs)
	switch {
	case errors.Is(err, machine.ErrBusy):
		return nil, sdk.Interrupted(err)
	case err != nil:
		return nil, sdk.Environment(err, machine.LockDirRemedy(p.config.lockDir()))
	}
	if lock.Waited > time.Second {
		log.Info("waited for the cards", "for", lock.Waited.Round(time.Millisecond))
	}
	return lock, nil
}

// finished is a run that ended well, before its files were looked at.
type finished struct {
	outcome
	dir string
}

// outputDir is where the tool writes. It is made for the attempt: a proof of an
// earlier one can then never be taken for one of this.
func outputDir(t *sdk.Task) string { return filepath.Join(t.Temp(), "output") }

// locked runs the tool while the cards are ours, and cleans up after it.
func (p *Prover) locked(ctx context.Context, t *sdk.Task, input string) (pids []int, done finished, err error) {
	if err := p.checkPorts(); err != nil {
		return nil, done, err
	}
	args, err := p.version.Command(p.request(input, outputDir(t)))
	if err != nil {
		return nil, done, sdk.Environment(err, "change the stage's config")
	}
	done, err = p.attempt(t, func(r run) (outcome, error) {
		ctx, cancel := p.limited(ctx, r.gas)
		defer cancel()
		r.args = args
		t.Log.Debug("cargo-zisk", "args", args)
		out, err := p.execute(ctx, r)
		cleaned := time.Now()
		var cleanErr error
		pids, cleanErr = p.clean(t.Log)
		t.Log.Debug("cleaned", "took", time.Since(cleaned).Round(time.Millisecond))
		if err == nil && cleanErr != nil {
			t.Log.Warn("cargo-zisk left something behind", "error", cleanErr)
		}
		return out, err
	})
	return pids, done, err
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
	if err := p.history.learn(observation{Kind: kind, Gas: gas, Wall: done.wall, At: time.Now().UTC()}); err != nil {
		t.Log.Warn("remember the time of the proof", "error", err)
	}
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
