package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/proofline/proofline/plugins/internal/command"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// factVersion is the name of the fact with the version of the program.
const factVersion = "prover_version"

type prover struct {
	config  Config
	env     sdk.Env
	version string
}

func open(ctx context.Context, config Config, env sdk.Env) (*prover, error) {
	version, err := command.Version(ctx, config.Version)
	if err != nil {
		return nil, fmt.Errorf("get the version of the program: %w", err)
	}
	return &prover{config, env, version}, nil
}

// prepare returns the attempt of a task with its guest input in the configured form, for
// Prove and Verify.
func (p *prover) prepare(t *sdk.Task) (command.Attempt, error) {
	a, err := command.OfTask(t, p.env)
	if err != nil {
		return a, err
	}
	input, err := t.Input(sdk.ArtifactInput)
	if err != nil {
		return a, err
	}
	input, err = command.Convert(input, p.config.Input, filepath.Join(t.Temp(), "input."+p.config.Input))
	a.Values.Names["input"] = input
	return a, err
}

// Prove implements sdk.Prover. It runs the program and collects the proof, if the stage
// makes one.
func (p *prover) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	a, err := p.prepare(t)
	if err != nil {
		return nil, err
	}
	if p.config.Proof != "" {
		a.AddFile("proof", p.config.Proof)
	}
	t.Progress(sdk.Progress{Phase: contract.PhaseAccepted, Fraction: -1})
	t.Progress(sdk.Progress{Phase: "RUNNING", Fraction: -1})
	result, err := p.config.Run(ctx, a)
	if err != nil {
		return nil, err
	}
	if p.version != "" {
		result.Facts[factVersion] = p.version
	}
	if p.config.Proof == "" {
		return result, nil
	}
	proof, err := command.Collect(a, p.config.Proof, "")
	if err != nil {
		return nil, err
	}
	proof.Role = sdk.RoleProof
	result.Outputs = append(result.Outputs, proof)
	return result, nil
}

// Verify implements sdk.Verifier. Without a verify command it accepts every proof, and
// Note says so.
func (p *prover) Verify(ctx context.Context, t *sdk.Task) error {
	if len(p.config.Verify) == 0 {
		return nil
	}
	a, err := p.prepare(t)
	if err != nil {
		return err
	}
	if a.Values.Names["proof"], err = t.Input(filepath.Base(p.config.Proof)); err != nil {
		return err
	}
	if err := p.config.RunCommand(ctx, p.config.Verify, a); err != nil {
		if class := sdk.ClassOf(err); class == sdk.ClassEnvironment || ctx.Err() != nil {
			return err
		}
		return sdk.Retryable(fmt.Errorf("the proof does not verify: %w", err))
	}
	return nil
}

// Note returns which program runs and whether proofs are verified, for the host's start
// message.
func (p *prover) Note() string {
	name := p.config.Command[0]
	if p.version != "" {
		name += " (" + p.version + ")"
	}
	switch {
	case p.config.Proof == "":
		return "a gate: runs " + name + " for each block, proves nothing"
	case len(p.config.Verify) == 0:
		return "proves with " + name + "; its proofs are not verified: no verify command is set"
	}
	return "proves with " + name
}
