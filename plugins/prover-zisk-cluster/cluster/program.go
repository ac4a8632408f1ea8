package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// programRecord is the content of the file program.json in the state directory, which
// describes the registered program. With it a restart of this process needs no set-up,
// which would take workers away from a running job.
type programRecord struct {
	Coordinator string `json:"coordinator"`
	ELF         string `json:"elf_sha256"`
	Hash        string `json:"hash_id"` // the coordinator's name of the program
	Program     string `json:"program_key,omitempty"`
}

const programFile = "program.json"

// loadProgram reads the record of this coordinator and program, if there is one.
func (p *Prover) loadProgram() {
	var r programRecord
	data, err := os.ReadFile(filepath.Join(p.stateDir, programFile))
	if err != nil || json.Unmarshal(data, &r) != nil || r.Coordinator != p.config.Coordinator || r.ELF != p.elfSum {
		return
	}
	p.hash = r.Hash
	if key, err := proof.ParseKey(r.Program); err == nil && p.program == nil {
		p.program = &key
	}
}

// saveProgram writes the record. The caller holds p.mu.
func (p *Prover) saveProgram() error {
	r := programRecord{Coordinator: p.config.Coordinator, ELF: p.elfSum, Hash: p.hash}
	if p.program != nil {
		r.Program = p.program.String()
	}
	return files.WriteJSON(filepath.Join(p.stateDir, programFile), 0o600, r)
}

// ready registers the program and sets it up unless that was done before, and returns the
// coordinator's name of the program. With again it does so in any case, because the
// coordinator has lost the program.
func (p *Prover) ready(ctx context.Context, again bool) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hash != "" && !again {
		return p.hash, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.config.SetupTimeout.Std(), errors.New("setup_timeout is over"))
	defer cancel()
	registered, err := p.client.RegisterGuestProgram(ctx, &coordinatorv1.RegisterGuestProgramRequest{ZiskElf: p.elf})
	if err != nil {
		return "", p.unavailable(ctx, "register the program", err)
	}
	p.log.Info("set-up of the program on the workers", "hash_id", registered.GetHashId())
	job, err := p.client.JobRequest(ctx, &coordinatorv1.JobRequestMessage{JobKind: &coordinatorv1.JobKind{
		Kind: &coordinatorv1.JobKind_Setup{Setup: &coordinatorv1.SetupRequest{HashId: registered.GetHashId(), ProgramName: p.config.ProgramName}}}})
	if err != nil {
		return "", p.unavailable(ctx, "set up the program", err)
	}
	answer, err := p.await(ctx, job.GetJobId(), time.Time{})
	switch {
	case err != nil && ctx.Err() == nil && (errors.Is(err, errEnded) || status.Code(err) == codes.NotFound):
		return "", sdk.Environment(fmt.Errorf("set-up of the program: %w", err), "look into the logs of the workers; a proving key may be missing there")
	case err != nil:
		return "", fmt.Errorf("set-up of the program: %w", err)
	}
	key, err := proof.KeyOf(answer.GetSetup().GetVk())
	switch {
	case err != nil:
		p.log.Warn("the set-up gave no verification key of the program; a proof of another program would not be noticed", "error", err)
	case p.config.ProgramKey != "" && *p.program != key:
		return "", sdk.Environment(fmt.Errorf("the set-up of %s gave the program key %v, but program_key is %v", p.config.ELF, key, p.program),
			"use the ELF that is registered, or correct `program_key`")
	default:
		p.program = &key
	}
	p.hash = registered.GetHashId()
	if err := p.saveProgram(); err != nil {
		p.log.Warn("remember the set-up", "error", err)
	}
	return p.hash, nil
}

// unavailable gives the error of a call that registers or submits something its class and
// its remedy.
func (p *Prover) unavailable(ctx context.Context, action string, err error) error {
	if ctx.Err() != nil {
		return sdk.Interrupted(fmt.Errorf("%s: %w", action, context.Cause(ctx)))
	}
	reason := refusalOf(err)
	err = fmt.Errorf("%s: the coordinator at %s: %w", action, p.config.Coordinator, err)
	switch reason {
	case settingUp:
		return sdk.Environment(err, "a worker prepares the program, or recovers from a job that was cancelled or failed, which takes up to 5 minutes; restart a zisk-worker that stays so for longer")
	case noWorkers, notSetUp:
		return sdk.Environment(err, "start zisk-worker processes that connect to its port 50051; `curl http://HOST:9090/metrics` shows coordinator_workers_connected")
	case rejected:
		return sdk.Permanent(err)
	case serverFault, unknownProgram:
		return sdk.Retryable(err)
	}
	return sdk.Environment(err, "start zisk-coordinator, or correct `coordinator`; its client port is 7000")
}
