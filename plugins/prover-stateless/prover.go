package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/plugins/internal/stateless/chainconfig"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// gate executes blocks. It holds no state; calls may run concurrently.
type gate struct {
	rules *params.ChainConfig // nil: from the task
	note  string
}

func open(_ context.Context, config Config, _ sdk.Env) (*gate, error) {
	rules, err := config.rules()
	if err != nil {
		return nil, sdk.Environment(err, "correct the stage's config")
	}
	go stateless.Prepare()
	which := "each block"
	if rules != nil {
		which = fmt.Sprintf("each block of chain %s", rules.ChainID)
	}
	return &gate{rules: rules, note: "executes " + which + " on the CPU: checks, proves nothing"}, nil
}

// MakesProof says that this is a gate.
func (g *gate) MakesProof() bool { return false }

// Note implements the SDK's noter.
func (g *gate) Note() string { return g.note }

// Prove executes the task's block from its witness and writes execution.json. A
// witness that is incomplete or of another block is a retryable error, since
// another fetch may mend it; a block that does not execute to its header is a
// permanent one.
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
	artifact, err := write(task, describe(rules, report))
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: []sdk.Artifact{artifact}, Facts: facts(report)}, nil
}

// rulesOf returns the config's rules, else those in the task's chain.json, else
// those of the block's chain id.
func (g *gate) rulesOf(task *sdk.Task) (*params.ChainConfig, error) {
	rules := g.rules
	switch {
	case rules != nil:
	case task.HasInput(sdk.ArtifactChain):
		path, err := task.Input(sdk.ArtifactChain)
		if err != nil {
			return nil, err
		}
		if rules, err = readRules(path); err != nil {
			return nil, sdk.Permanent(err)
		}
	default:
		var err error
		if rules, _, err = chainconfig.ByID(task.Block.ChainID); err != nil {
			return nil, sdk.Environment(err, "set genesis in the stage's config to a file with the chain's rules")
		}
	}
	if id := rules.ChainID.Uint64(); id != task.Block.ChainID {
		return nil, sdk.Environment(fmt.Errorf("the rules are those of chain %d, the block is of chain %d", id, task.Block.ChainID),
			"correct network or genesis in the stage's config")
	}
	return rules, nil
}

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

// classify says what the host shall do about an error of Execute: a witness that
// is at fault is fetched again.
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

func write(task *sdk.Task, e execution) (sdk.Artifact, error) {
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return sdk.Artifact{}, err
	}
	out, err := task.Create(sdk.ArtifactExecution)
	if err != nil {
		return sdk.Artifact{}, err
	}
	defer out.Discard()
	if _, err := out.Write(append(text, '\n')); err != nil {
		return sdk.Artifact{}, err
	}
	return out.Commit()
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
