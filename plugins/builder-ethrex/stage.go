package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// Facts of a built input, beside those that package contract names.
const (
	factFormat       = "format"
	factFraming      = "framing"
	factStorageTries = "storage_tries"
	factKeysDerived  = "keys_derived"
	factIgnored      = "ignored_entries"
	factUncovered    = "uncovered_accounts"
)

// builder is the stage.
type builder struct {
	target guest.Target
	spec   *chainspec.Spec // nil: by the block
	strict bool
}

func open(_ context.Context, c Config, _ sdk.Env) (*builder, error) {
	t, _, err := c.target()
	if err != nil {
		return nil, err
	}
	spec, err := c.choice().Spec()
	if err != nil {
		return nil, sdk.Environment(err, "correct network or genesis in the stage's config")
	}
	return &builder{target: t, spec: spec, strict: c.Strict}, nil
}

// Note implements the SDK's optional interface.
func (b *builder) Note() string {
	return fmt.Sprintf("writes inputs in format %s, %s", b.target.Format, b.target.Framing)
}

// Build implements sdk.Builder. The time that counts runs from the first byte
// read to the last byte written.
func (b *builder) Build(ctx context.Context, task *sdk.Task) (*sdk.Result, error) {
	result, err := b.build(ctx, task)
	// The same files give the same error again, except where the machine is at
	// fault; a witness that lacks something is fetched again.
	if _, machine := errors.AsType[*fs.PathError](err); err != nil && !machine && ctx.Err() == nil {
		_, incomplete := errors.AsType[*stateless.IncompleteError](err)
		_, foreign := errors.AsType[*stateless.WitnessError](err)
		_, classed := errors.AsType[*contract.Error](err)
		switch {
		case incomplete || foreign:
			err = sdk.Stale(err, sdk.ArtifactWitness)
		case !classed:
			err = sdk.Permanent(err)
		}
	}
	return result, err
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
	block, w, err := readBoth(blockFile, witnessFile)
	if err != nil {
		return nil, err
	}
	if block.Hash != task.Block.Hash || block.Header.Number != task.Block.Number {
		return nil, fmt.Errorf("%s holds block %d (0x%x), but the task is block %d (%v)", sdk.ArtifactBlock, block.Header.Number, block.Hash, task.Block.Number, task.Block.Hash)
	}
	built, err := input.Build(ctx, block, w, input.Options{Format: b.target.Format, Config: c.config, Strict: b.strict, Touched: c.touched})
	if err != nil {
		return nil, err
	}
	for _, text := range warnings(built) {
		task.Log.Warn(text)
	}
	out, err := task.Create(sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	defer out.Discard()
	if err := guest.WriteFramed(out, built.Archive, b.target.Framing); err != nil {
		return nil, err
	}
	took := time.Since(started)
	artifact, err := out.Commit()
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: []sdk.Artifact{artifact}, WorkTime: took, Facts: facts(b.target, c, block, built)}, nil
}

// readBoth reads two files at the same time.
func readBoth(blockFile, witnessFile string) (*ethblock.Block, *witness.Witness, error) {
	var block *ethblock.Block
	done := make(chan error, 1)
	go func() {
		var err error
		block, err = ethblock.Read(blockFile)
		done <- err
	}()
	w, err := witness.Read(witnessFile)
	return block, w, errors.Join(<-done, err)
}

// warnings says what an operator should know of an input that was built.
func warnings(r *input.Result) []string {
	var list []string
	if n := len(r.Ignored); n > 0 {
		list = append(list, fmt.Sprintf("%d entries of state are no trie nodes and were left out, as nothing refers to them; the first is: %v", n, r.Ignored[0]))
	}
	if r.Uncovered > 0 {
		list = append(list, fmt.Sprintf("the storage of %d accounts is in the witness, but their addresses are not among its keys: the guest fails if the block touches it", r.Uncovered))
	}
	return list
}

func facts(t guest.Target, c *chain, b *ethblock.Block, r *input.Result) map[string]string {
	facts := map[string]string{
		factFormat:           string(t.Format),
		factFraming:          string(t.Framing),
		factStorageTries:     strconv.Itoa(r.StorageTries),
		factKeysDerived:      strconv.Itoa(r.KeysDerived),
		factIgnored:          strconv.Itoa(len(r.Ignored)),
		factUncovered:        strconv.Itoa(r.Uncovered),
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
