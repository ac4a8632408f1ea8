package prover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// setupRecord is the content of the file setup.json in the state directory, which
// describes the last successful set-up.
type setupRecord struct {
	Version    string    `json:"zisk_version"`
	ELF        string    `json:"elf_sha256"`
	ProvingKey string    `json:"proving_key"`
	Executor   string    `json:"executor"`
	Home       string    `json:"zisk_home"` // directory of the assembly files
	Program    string    `json:"program_key,omitempty"`
	Finished   time.Time `json:"finished"`
}

const setupFile = "setup.json"

// setupState is the state of the one-time set-up, which runs in the background.
type setupState struct {
	mu      sync.Mutex
	done    chan struct{} // closed at the end of the current run
	running bool
	began   time.Time
	step    string     // the command that runs
	err     error      // the error of the last run
	program *proof.Key // the program key; nil if it is not known
}

// wantedSetup describes the set-up that this stage needs.
func (p *Prover) wantedSetup() setupRecord {
	home, _ := tool.Home()
	if p.config.Cache != "" {
		home = p.config.Cache
	}
	return setupRecord{Version: p.version.String(), ELF: p.elfSum, ProvingKey: p.config.provingKeyDir(), Executor: p.config.Executor, Home: home}
}

// prepare starts the set-up unless it was done before, runs already, or is left to the
// operator.
func (p *Prover) prepare() {
	s := &p.setup
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return
	}
	s.done = make(chan struct{})
	s.err = nil
	if p.config.ProgramKey != "" {
		if key, err := proof.ParseKey(p.config.ProgramKey); err == nil {
			s.program = &key
		}
	}
	done := p.config.Setup == "skip" || p.setupRecorded()
	if s.program == nil {
		s.program = p.pinnedProgram()
	}
	if done {
		close(s.done)
		return
	}
	s.running, s.began = true, time.Now()
	p.background.Go(func() {
		err := p.runSetup(p.life)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running, s.err = false, err
		close(s.done)
		if err != nil {
			p.log.Error("the set-up of the program failed", "error", err)
		}
	})
}

// setupRecorded reports whether setup.json describes the set-up that the stage needs. If
// so it takes the program key from the file. The caller holds p.setup.mu.
func (p *Prover) setupRecorded() bool {
	data, err := os.ReadFile(filepath.Join(p.stateDir, setupFile))
	if err != nil {
		return false
	}
	var have setupRecord
	if json.Unmarshal(data, &have) != nil {
		return false
	}
	want := p.wantedSetup()
	want.Program, want.Finished = have.Program, have.Finished
	if have != want {
		return false
	}
	if key, err := proof.ParseKey(have.Program); err == nil && p.setup.program == nil {
		p.setup.program = &key
	}
	return true
}

// forgetSetup makes the next prepare run the set-up again.
func (p *Prover) forgetSetup() {
	if err := os.Remove(filepath.Join(p.stateDir, setupFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log.Warn("forget the set-up", "error", err)
	}
}

// awaitSetup waits for the set-up and returns the program key, which is nil if it is not
// known. It starts the set-up again if the last one failed.
func (p *Prover) awaitSetup(ctx context.Context) (*proof.Key, error) {
	s := &p.setup
	s.mu.Lock()
	if !s.running && s.err != nil {
		s.mu.Unlock()
		p.prepare()
		s.mu.Lock()
	}
	done := s.done
	s.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return nil, sdk.Interrupted(fmt.Errorf("the set-up of the program still runs: %w", context.Cause(ctx)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.program, s.err
}

// runSetup runs the version's set-up commands and records the result.
func (p *Prover) runSetup(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.config.SetupTimeout.Std(), errors.New("setup_timeout is over"))
	defer cancel()
	commands, err := p.version.SetupCommands(zisk.Request{
		Action: p.config.action(), ELF: p.config.ELF, ProvingKey: p.config.ProvingKey, GPU: p.gpu, Emulator: p.config.Executor == "emulator", Unlock: p.unlock,
	})
	if err != nil {
		return sdk.Environment(err, "set `setup: skip` and prepare the program by hand")
	}
	lock, err := machine.AcquireGPUs(ctx, p.config.lockDir(), p.config.GPUs)
	switch {
	case errors.Is(err, machine.ErrBusy):
		return sdk.Environment(err, "wait for the other prover, or set `gpus`")
	case err != nil:
		return sdk.Environment(err, machine.LockDirRemedy(p.config.lockDir()))
	}
	var program *proof.Key
	for _, args := range commands {
		p.setup.mu.Lock()
		p.setup.step = args[0]
		p.setup.mu.Unlock()
		p.log.Info("set-up of the program, once per program and version", "command", args[0])
		_, err = p.execute(ctx, run{args: args, dir: p.stateDir, log: p.log, line: func(line string) {
			if words, ok := zisk.RootHash(line); ok {
				key := proof.Key(words)
				program = &key
			}
		}})
		if err != nil {
			err = fmt.Errorf("cargo-zisk %s: %w", strings.Join(args, " "), err)
			break
		}
	}
	pids, cleanErr := p.clean(p.log)
	p.releaseCards(lock, pids, p.log)
	if err = errors.Join(err, cleanErr); err != nil {
		if sdk.ClassOf(err) == sdk.ClassInterrupted {
			return err
		}
		return sdk.Environment(err, "the set-up is tried again with the next block; or run the command by hand and set `setup: skip`")
	}
	record := p.wantedSetup()
	record.Finished = time.Now().UTC()
	if program != nil {
		record.Program = program.String()
		if pinned, err := proof.ParseKey(p.config.ProgramKey); err == nil && pinned != *program {
			return sdk.Environment(fmt.Errorf("the set-up of %s gave the program key %v, but program_key is %v", p.config.ELF, program, pinned),
				"use the ELF that is registered, or correct `program_key`")
		}
		p.setup.mu.Lock()
		before := p.setup.program
		p.setup.program = program
		p.setup.mu.Unlock()
		if before != nil && *before != *program {
			p.log.Warn("the set-up gives another key of the program than proofs before it had", "program_key", program.String(), "before", before.String())
		}
	}
	return files.WriteJSON(filepath.Join(p.stateDir, setupFile), 0o600, record)
}
