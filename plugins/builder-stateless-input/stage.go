package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/core/types"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// Names of the facts of an input that neither package guest nor package contract defines.
const (
	factFormat      = "format"
	factFraming     = "framing"
	factFork        = "fork"         // fork of the block, for example "Amsterdam"
	factSchemaID    = "schema_id"    // first two bytes of the input, for example "0x1501"
	factRequestRoot = "request_root" // hash tree root of the NewPayloadRequest
	factExecution   = "reexecution"  // which stage executed the block: "gate" or "builder"
)

// builder implements sdk.Builder. It is safe for concurrent use.
type builder struct {
	target guest.Target
	spec   *chainspec.Spec // nil where each task determines its chain
}

func open(_ context.Context, c Config, _ sdk.Env) (*builder, error) {
	t, _, err := c.target()
	if err != nil {
		return nil, err
	}
	spec, err := c.choice().Chain.Spec()
	if err == nil && spec != nil {
		_, err = spec.Rules()
	}
	if err != nil {
		return nil, sdk.Environment(err, "correct network or genesis in the stage's config")
	}
	return &builder{target: t, spec: spec}, nil
}

// Note implements the SDK's noter.
func (b *builder) Note() string {
	return fmt.Sprintf("writes inputs for %s in dialect %s, %s; the schema follows from each block's fork: takes %v",
		b.target.Guest, b.target.Format, b.target.Framing, b.target.Forks)
}

// Build implements sdk.Builder. The work time runs from the first byte read to the last byte
// written.
func (b *builder) Build(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	result, err := b.build(ctx, task)
	if err != nil {
		return nil, classify(ctx, err)
	}
	return result, nil
}

// classify returns an error with the class that the host acts on. An input.ConfigError is an
// environment error, because the pipeline file is at fault.
func classify(ctx context.Context, err error) error {
	if _, config := errors.AsType[*input.ConfigError](err); config {
		err = sdk.Environment(err, "correct network or genesis in the stage's config")
	}
	return inputbuilder.Classify(ctx, err)
}

func (b *builder) build(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	blockFile, err := task.Input(sdk.ArtifactBlock)
	if err != nil {
		return nil, err
	}
	witnessFile, err := task.Input(sdk.ArtifactWitness)
	if err != nil {
		return nil, err
	}
	spec, err := chainspec.ForTask(task, b.spec)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	block, w, err := readInputs(blockFile, witnessFile)
	if err != nil {
		return nil, err
	}
	if have := contract.Hash(block.Hash()); have != task.Block.Hash {
		return nil, sdk.Stale(fmt.Errorf("%s is block %d %s, the job is block %d %s", sdk.ArtifactBlock, block.NumberU64(), have, task.Block.Number, task.Block.Hash), sdk.ArtifactBlock)
	}
	outcome := gateOutcome(task, spec.ChainID, block)
	m, err := assemble(ctx, b.target, spec, block, w, outcome)
	if err != nil {
		return nil, err
	}
	out, err := task.Create(sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	defer out.Discard()
	if err := guest.WriteFramed(out, m.encoded, b.target.Framing); err != nil {
		return nil, err
	}
	took := time.Since(started)
	artifact, err := out.Commit()
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: []sdk.Artifact{artifact}, WorkTime: took, Facts: m.facts(b.target)}, nil
}

// gateOutcome returns the outcome of a gate that has executed the block from the task's
// witness. It returns nil where there is no such gate, and where the outcome does not belong
// to the block and the witness. Then the builder executes the block itself.
func gateOutcome(task *sdk.Task, chainID uint64, block *types.Block) *stateless.Outcome {
	if !task.HasInput(stateless.ArtifactOutcome) {
		return nil
	}
	var outcome *stateless.Outcome
	path, err := task.Input(stateless.ArtifactOutcome)
	if err == nil {
		outcome, err = stateless.ReadOutcome(path)
	}
	if err == nil {
		err = outcome.Check(chainID, block)
	}
	if i := slices.IndexFunc(task.Inputs, func(a sdk.Artifact) bool { return a.Name == sdk.ArtifactWitness }); err == nil && task.Inputs[i].SHA256 != [32]byte(outcome.Witness) {
		err = errors.New("it was made from another witness")
	}
	if err != nil {
		task.Log.Warn("the gate's outcome cannot be used: the block is executed here", "artifact", stateless.ArtifactOutcome, "error", err)
		return nil
	}
	return outcome
}

// readInputs reads and verifies a block, and reads its witness.
func readInputs(blockFile, witnessFile string) (*types.Block, *witness.Witness, error) {
	block, w, err := inputbuilder.Read(blockFile, witnessFile, witness.ReadUnverifiedBlock)
	if err == nil {
		err = block.Verify()
	}
	if err != nil {
		return nil, nil, err
	}
	return block.Block, w, nil
}

// facts returns the facts of the input.
func (m *builtInput) facts(t guest.Target) map[string]string {
	output := m.input.Output()
	return map[string]string{
		factFormat:             string(t.Format),
		factFraming:            string(t.Framing),
		factFork:               m.input.Fork.String(),
		factSchemaID:           fmt.Sprintf("%#04x", output.SchemaID),
		factRequestRoot:        "0x" + hex.EncodeToString(output.RequestRoot[:]),
		factExecution:          m.executedBy,
		guest.FactPublicValues: output.Hex(),
		contract.FactGasUsed:   strconv.FormatUint(m.input.Payload.GasUsed, 10),
		contract.FactTxCount:   strconv.Itoa(len(m.input.Payload.Transactions)),
	}
}
