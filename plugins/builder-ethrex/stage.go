package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/builder-ethrex/strict"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Names of the facts of an input that package contract does not define.
const (
	factFormat       = "format"
	factFraming      = "framing"
	factStorageTries = "storage_tries"      // number of storage tries
	factKeysDerived  = "keys_derived"       // input.Result.KeysDerived
	factIgnored      = "ignored_entries"    // length of input.Result.Ignored
	factUncovered    = "uncovered_accounts" // input.Result.Uncovered
	factSurplus      = "surplus_entries"    // input.Result.Surplus
)

// builder implements sdk.Builder. It is safe for concurrent use.
type builder struct {
	target guest.Target
	spec   *chainspec.Spec // nil where each task determines its chain
	strict bool
}

func open(_ context.Context, c Config, _ sdk.Env) (*builder, error) {
	t, _, err := c.target()
	if err != nil {
		return nil, err
	}
	spec, err := c.choice().Chain.Spec()
	if err != nil {
		return nil, sdk.Environment(err, "correct network or genesis in the stage's config")
	}
	if input.NeedsKeys(t.Format) {
		go stateless.Prepare() // a block whose witness lacks keys is executed
	}
	return &builder{target: t, spec: spec, strict: c.Strict}, nil
}

// Note implements the SDK's noter.
func (b *builder) Note() string {
	return fmt.Sprintf("writes inputs in format %s, %s", b.target.Format, b.target.Framing)
}

// Build implements sdk.Builder. The work time runs from the first byte read to the last byte
// written.
func (b *builder) Build(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	result, err := b.build(ctx, task)
	if _, isWitness := errors.AsType[*input.WitnessError](err); isWitness {
		err = sdk.Stale(err, sdk.ArtifactWitness)
	}
	if err != nil {
		return nil, inputbuilder.Classify(ctx, err)
	}
	return result, nil
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
	c, err := chainOf(chainspec.ForTask(task, b.spec))
	if err != nil {
		return nil, err
	}
	started := time.Now()
	if b.strict {
		// An error is stale, because another node may serve the form that ethrex reads.
		if err := strict.File(blockFile, strict.Block); err != nil {
			return nil, sdk.Stale(err, sdk.ArtifactBlock)
		}
		keys := input.NeedsKeys(b.target.Format)
		if err := strict.File(witnessFile, func(data []byte) error { return strict.Witness(data, keys) }); err != nil {
			return nil, sdk.Stale(err, sdk.ArtifactWitness)
		}
	}
	block, w, err := inputbuilder.Read(blockFile, witnessFile, readBlock)
	if err != nil {
		return nil, err
	}
	if block.Hash != task.Block.Hash || block.Header.Number != task.Block.Number {
		return nil, sdk.Stale(fmt.Errorf("%s holds block %d (0x%x), but the task is block %d (%v)", sdk.ArtifactBlock, block.Header.Number, block.Hash, task.Block.Number, task.Block.Hash), sdk.ArtifactBlock)
	}
	built, err := input.Prepare(ctx, block, w, input.Options{Format: b.target.Format, Config: c.config, Strict: b.strict, Touched: c.touched})
	if err != nil {
		return nil, err
	}
	if err := refuseSurplus(b.strict, built.Result); err != nil {
		return nil, err
	}
	for _, text := range warnings(built.Result) {
		task.Log.Warn(text)
	}
	out, err := task.Create(sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	defer out.Discard()
	if err := guest.StreamFramed(out, built, b.target.Framing); err != nil {
		return nil, err
	}
	took := time.Since(started)
	artifact, err := out.Commit()
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: []sdk.Artifact{artifact}, WorkTime: took, Facts: facts(b.target, c, block, built.Result)}, nil
}

// readBlock reads a block. A block that ethrex's types cannot hold is a permanent error,
// because fetching it again does not help.
func readBlock(path string) (*ethblock.Block, error) {
	block, err := ethblock.Read(path)
	if _, unsupported := errors.AsType[*ethblock.UnsupportedError](err); unsupported {
		err = sdk.Permanent(err)
	}
	return block, err
}

// refuseSurplus returns an error for a witness with unused entries where strict is set.
func refuseSurplus(strict bool, r *input.Result) error {
	if !strict || r.Surplus == 0 {
		return nil
	}
	return sdk.Stale(fmt.Errorf("strict: the witness has %d entries that nothing refers to", r.Surplus), sdk.ArtifactWitness)
}

// warnings returns what an operator should know about an input.
func warnings(r *input.Result) []string {
	var list []string
	if n := len(r.Ignored); n > 0 {
		list = append(list, fmt.Sprintf("%d entries of state are no trie nodes and were left out, as nothing refers to them; the first is: %v", n, r.Ignored[0]))
	}
	if r.Surplus > 0 {
		list = append(list, fmt.Sprintf("%d entries of the witness that nothing refers to were left out", r.Surplus))
	}
	if r.Uncovered > 0 {
		list = append(list, fmt.Sprintf("the storage of %d accounts is in the witness, but their addresses are not among its keys: the guest fails if the block touches it", r.Uncovered))
	}
	return list
}

// facts returns the facts of an input.
func facts(t guest.Target, c *chain, b *ethblock.Block, r *input.Result) map[string]string {
	facts := map[string]string{
		factFormat:           string(t.Format),
		factFraming:          string(t.Framing),
		factStorageTries:     strconv.Itoa(r.StorageTries),
		factKeysDerived:      strconv.Itoa(r.KeysDerived),
		factIgnored:          strconv.Itoa(len(r.Ignored)),
		factUncovered:        strconv.Itoa(r.Uncovered),
		factSurplus:          strconv.Itoa(r.Surplus),
		contract.FactGasUsed: strconv.FormatUint(b.Header.GasUsed, 10),
		contract.FactTxCount: strconv.Itoa(len(b.Transactions)),
	}
	output := guest.BlockOutput{
		InitialStateRoot: r.PreStateRoot, FinalStateRoot: b.Header.StateRoot, BlockHash: b.Hash,
		ChainID: c.config.ChainID, Transactions: uint64(len(b.Transactions)),
	}
	if values, known := output.PublicValues(t.Format); known {
		facts[guest.FactPublicValues] = hex.EncodeToString(values)
	}
	return facts
}
