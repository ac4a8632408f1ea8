package prover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/verify"
)

// Prover is a stage's prover. Its methods may be called concurrently; runs on
// the same cards wait for each other.
type Prover struct {
	config   Config
	stateDir string
	log      *slog.Logger
	bin      string // path of the tool
	version  zisk.Version
	elfSum   string // SHA-256 of the guest program, in hexadecimal
	gpu      bool   // whether to pass the flag for GPUs
	cards    string // the cards that prove, for people: "2 × NVIDIA RTX 4090"
	unlock   bool   // whether the services leave their memory unlocked
	minimal  bool   // whether to make the smaller STARK proof
	owner    machine.Owner
	stamps   fileStamps
	streak   tool.Streak
	ahead    ahead

	setup     setupState
	footprint footprint
	history   *history
	warm      *warmProver // nil if every proof starts the tool anew

	life       context.Context // ends with Close
	end        context.CancelFunc
	background sync.WaitGroup
}

// Open makes the prover of a stage. It returns while the one-time set-up of the program
// runs in the background.
func Open(ctx context.Context, config Config, env sdk.Env) (*Prover, error) {
	p := &Prover{config: config, stateDir: env.StateDir, log: env.Log, owner: machine.OwnerOf(env.StateDir)}
	var err error
	if p.bin, err = tool.Locate(config.tool()); err != nil {
		return nil, err
	}
	if p.stamps.bin, err = stampOf(p.bin); err != nil {
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
	if p.stamps.elf, err = stampOf(p.config.ELF); err == nil {
		p.elfSum, err = fingerprint(p.config.ELF)
	}
	if err != nil {
		return nil, sdk.Environment(fmt.Errorf("guest program: %w", err), "set `elf` to the guest's ELF file")
	}
	if p.config.action() != zisk.Emulate {
		if err := p.resolveConfig(ctx); err != nil {
			return nil, err
		}
	}
	if p.history, err = openHistory(filepath.Join(p.stateDir, historyFile)); err != nil {
		p.log.Warn("the times of earlier proofs cannot be read; they are learned anew", "error", err)
	}
	// Clean up after an earlier process of this stage, which may have crashed.
	p.footprint.path = filepath.Join(p.stateDir, footprintFile)
	p.footprint.load()
	if _, err := p.clean(p.log); err != nil {
		return nil, err
	}
	p.life, p.end = context.WithCancel(context.Background())
	if p.config.warm() {
		p.warm = newWarmProver(p)
	}
	if p.config.action() != zisk.Emulate {
		p.prepare()
	}
	return p, nil
}

// resolveConfig decides the settings that the config leaves to the prover, and refuses
// settings that the version of the tool does not support.
func (p *Prover) resolveConfig(ctx context.Context) error {
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
		// Release 0.16 leaves the setup key out of its proofs, and verifiers need it. A
		// missing key is reported now and not after the first proof.
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

// describe names the chosen cards; without a choice it names all cards.
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

// request returns the call of the tool for an input.
func (p *Prover) request(input, output string) zisk.Request {
	return zisk.Request{
		Action: p.config.action(), ELF: p.config.ELF, Input: input, OutputDir: output, ProvingKey: p.config.ProvingKey,
		Minimal: p.minimal, Unlock: p.unlock, MinimalMemory: p.config.MinimalMemory && p.config.action() == zisk.Prove,
		GPU: p.gpu, Emulator: p.config.Executor == "emulator", Port: p.config.Port, Extra: p.config.ExtraArgs,
	}
}

// lockDir returns the directory of the locks that the machine's provers share.
func (c Config) lockDir() string {
	if c.LockDir != "" {
		return c.LockDir
	}
	return machine.DefaultLockDir()
}

// MakesProof reports whether the stage makes proofs and is not a gate.
func (p *Prover) MakesProof() bool { return p.config.MakesProof() }

// Note names the version of the tool, the action, the cards and the program.
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

// Health returns unavailable while the set-up runs, and degraded after it has failed.
func (p *Prover) Health(context.Context) sdk.Health {
	s := &p.setup
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.running:
		return sdk.Health{State: sdk.HealthUnavailable, Detail: fmt.Sprintf("%s of the program runs since %v", s.step, time.Since(s.began).Round(time.Second))}
	case s.err != nil:
		// The state is not unavailable, so that the next block tries the set-up again.
		return sdk.Health{State: sdk.HealthDegraded, Detail: "the set-up of the program failed: " + s.err.Error()}
	}
	return sdk.Health{State: sdk.HealthReady}
}

// Close stops the set-up and the server, waits for all background work and cleans up.
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
		return nil, p.streak.FailedWith(t.Job, err, tool.Suspects(t)...)
	}
	p.streak.Succeeded(t.Job)
	return result, nil
}

// prove has the tool make the proof, or run the action of a gate, and publishes the
// files that it made.
func (p *Prover) prove(ctx context.Context, t *sdk.Task, input string, program *proof.Key) (*sdk.Result, error) {
	p.preload()
	if p.warm != nil {
		result, s, err := p.warm.prove(ctx, t, input)
		if err != nil {
			return nil, err
		}
		collected, err := p.collect(t, program, result)
		if err != nil {
			s.setDistrust(err)
		}
		return collected, err
	}
	lock, err := p.lock(ctx, t.Log)
	if err != nil {
		return nil, err
	}
	run, err := p.runLocked(ctx, t, input, program)
	if err == nil {
		reportCollecting(t)
	}
	// The next run waits for the end of the cleaning, by the lock. So the cleaning comes before
	// the proof is read, unless a process of the run still has to be killed: the proof is on
	// disk and does not wait for that.
	clean := func() { p.cleanUp(lock, run.swept, t.Log) }
	if err == nil && !run.swept {
		p.background.Go(clean)
	} else {
		clean()
	}
	if err != nil {
		return nil, err
	}
	return p.collect(t, program, run)
}

// preload reads the verifier's tables while the tool works.
func (p *Prover) preload() {
	if builtin, _ := p.verifiers(); builtin && p.MakesProof() {
		p.background.Go(func() { verify.Preload(p.release(), p.minimal) })
	}
}

// reportAccepted reports that the input was checked and that the tool works on it.
func reportAccepted(t *sdk.Task) {
	t.Progress(sdk.Progress{Phase: contract.PhaseAccepted, Fraction: -1})
}

// reportCollecting reports that the host may give the next block.
func reportCollecting(t *sdk.Task) {
	t.Progress(sdk.Progress{Phase: sdk.PhaseCollecting, Fraction: -1})
}

// lock waits for the cards until ctx ends.
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
