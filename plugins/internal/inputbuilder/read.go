package inputbuilder

import (
	"cmp"
	"context"
	"errors"
	"io/fs"

	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// Read reads a block, in the way and form of readBlock, and its witness at the same
// time. What is wrong with the content of a file is an error that calls it stale, unless
// it has a class: it is to be made anew, from another node if there is one.
func Read[Block any](blockFile, witnessFile string, readBlock func(path string) (Block, error)) (block Block, w *witness.Witness, err error) {
	done := make(chan error, 1)
	go func() {
		var err error
		block, err = readBlock(blockFile)
		done <- stale(err, sdk.ArtifactBlock)
	}()
	w, err = witness.Read(witnessFile)
	return block, w, cmp.Or(<-done, stale(err, sdk.ArtifactWitness))
}

// stale marks an error as a fault of an artifact, unless it has a class or the machine
// is at fault.
func stale(err error, artifact string) error {
	if _, classed := errors.AsType[*contract.Error](err); err == nil || classed || ofMachine(err) {
		return err
	}
	return sdk.Stale(err, artifact)
}

func ofMachine(err error) bool {
	_, machine := errors.AsType[*fs.PathError](err)
	return machine
}

// Classify says what the host shall do about an error of a build. The same files give
// the same error again, except where the machine is at fault; a block or witness that
// is at fault is fetched again.
func Classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return sdk.Interrupted(err)
	}
	_, classed := errors.AsType[*contract.Error](err)
	_, incomplete := errors.AsType[*stateless.IncompleteError](err)
	_, foreign := errors.AsType[*stateless.WitnessError](err)
	switch {
	case classed || ofMachine(err):
		return err
	case errors.Is(err, witness.ErrMismatch):
		return sdk.Stale(err, sdk.ArtifactBlock)
	case incomplete || foreign:
		return sdk.Stale(err, sdk.ArtifactWitness)
	}
	return sdk.Permanent(err)
}
