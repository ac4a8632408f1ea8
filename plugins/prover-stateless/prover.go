package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// gate implements sdk.Prover. It has no mutable state and is safe for concurrent use.
type gate struct {
	spec *chainspec.Spec // nil where each task determines its chain
	note string
}

func open(_ context.Context, config Config, _ sdk.Env) (*gate, error) {
	spec, err := config.choice().Spec()
	if err == nil && spec != nil {
		_, err = spec.Rules()
	}
	if err != nil {
		return nil, sdk.Environment(err, "correct the stage's config")
	}
	go stateless.Prepare()
	which := "each block"
	if spec != nil {
		which = fmt.Sprintf("each block of chain %d", spec.ChainID)
	}
	return &gate{spec: spec, note: "executes " + which + " on the CPU: checks, proves nothing"}, nil
}

// Note implements the SDK's noter.
func (g *gate) Note() string { return g.note }

// Prove implements sdk.Prover. It executes the task's block from its witness. It writes
// execution.json for people, and the part that a builder needs (stateless.Outcome). It
// marks a witness as stale that is incomplete or of another block, so that the host fetches
// it again. It returns a permanent error for a block whose outcome differs from its header.
func (g *gate) Prove(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	rules, err := g.rulesOf(task)
	if err != nil {
		return nil, err
	}
	block, w, err := inputs(task)
	if err != nil {
		return nil, err
	}
	if have := contract.Hash(block.Hash()); !task.Block.Hash.IsZero() && have != task.Block.Hash {
		return nil, sdk.Stale(fmt.Errorf("%s is block %d %s, the job is block %d %s", sdk.ArtifactBlock, block.NumberU64(), have, task.Block.Number, task.Block.Hash), sdk.ArtifactBlock)
	}
	task.Progress(sdk.Progress{Phase: "executing", Fraction: -1, Note: fmt.Sprintf("%d transactions", len(block.Transactions()))})
	report, err := stateless.Execute(ctx, rules, block, w)
	if err != nil {
		return nil, classify(err)
	}
	text, err := json.MarshalIndent(describe(rules, report), "", "  ")
	if err != nil {
		return nil, err
	}
	execution, err := task.WriteFile(sdk.ArtifactExecution, append(text, '\n'))
	if err != nil {
		return nil, err
	}
	if text, err = json.Marshal(report.Outcome(rules.ChainID.Uint64(), witnessDigest(task))); err != nil {
		return nil, err
	}
	outcome, err := task.WriteFile(stateless.ArtifactOutcome, text)
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: []sdk.Artifact{execution, outcome}, Facts: facts(report)}, nil
}

// rulesOf returns the rules of the task's chain.
func (g *gate) rulesOf(task *sdk.Task) (*params.ChainConfig, error) {
	spec, err := chainspec.ForTask(task, g.spec)
	if err != nil {
		return nil, err
	}
	rules, err := spec.Rules()
	if err != nil {
		return nil, sdk.Permanent(err)
	}
	return rules, nil
}

// inputs reads the task's block and witness.
func inputs(task *sdk.Task) (*types.Block, *witness.Witness, error) {
	path, err := task.Input(sdk.ArtifactBlock)
	if err != nil {
		return nil, nil, err
	}
	block, err := witness.ReadBlock(path)
	if err != nil {
		return nil, nil, sdk.Stale(err, sdk.ArtifactBlock)
	}
	if path, err = task.Input(sdk.ArtifactWitness); err != nil {
		return nil, nil, err
	}
	w, err := witness.Read(path)
	if err != nil {
		return nil, nil, sdk.Stale(err, sdk.ArtifactWitness)
	}
	return block.Block, w, nil
}

// classify returns an error of Execute with the class that the host acts on. A fault of the
// witness marks the witness as stale.
func classify(err error) error {
	if _, ok := errors.AsType[*stateless.IncompleteError](err); ok {
		return sdk.Stale(err, sdk.ArtifactWitness)
	}
	if _, ok := errors.AsType[*stateless.WitnessError](err); ok {
		return sdk.Stale(err, sdk.ArtifactWitness)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return sdk.Interrupted(err)
	}
	return sdk.Permanent(err)
}

// witnessDigest returns the SHA-256 of the task's witness file, zero where there is none.
func witnessDigest(task *sdk.Task) [32]byte {
	for _, a := range task.Inputs {
		if a.Name == sdk.ArtifactWitness {
			return a.SHA256
		}
	}
	return [32]byte{}
}

func facts(r *stateless.Report) map[string]string {
	return map[string]string{
		contract.FactGasUsed: strconv.FormatUint(r.GasUsed, 10),
		contract.FactTxCount: strconv.Itoa(r.Transactions),
		"state_root":         r.StateRoot.Hex(),
		"receipts_root":      r.ReceiptsRoot.Hex(),
		"execution_ms":       strconv.FormatFloat(milliseconds(r.Time), 'f', 3, 64),
		"witness_nodes":      strconv.Itoa(r.Nodes),
	}
}
