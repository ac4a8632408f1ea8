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

// Read reads a block with readBlock and its witness at the same time. A fault in the
// content of a file is an error that marks the artifact as stale, so that the host has it
// fetched again, from another node if there is one. An error of readBlock that has a class
// keeps it.
func Read[Block any](blockFile, witnessFile string, readBlock func(path string) (Block, error)) (block Block, w *witness.Witness, err error) {
	done := make(chan error, 1)
	go func() {
		var err error
		block, err = readBlock(blockFile)
		done <- markStale(err, sdk.ArtifactBlock)
	}()
	w, err = witness.Read(witnessFile)
	return block, w, cmp.Or(<-done, markStale(err, sdk.ArtifactWitness))
}

// markStale marks the artifact as stale, unless the error has a class or the machine is at
// fault.
func markStale(err error, artifact string) error {
	if _, hasClass := errors.AsType[*contract.Error](err); err == nil || hasClass || isMachineFault(err) {
		return err
	}
	return sdk.Stale(err, artifact)
}

// isMachineFault reports whether a file could not be read.
func isMachineFault(err error) bool {
	_, machine := errors.AsType[*fs.PathError](err)
	return machine
}

// Classify returns an error of a build with the class that the host acts on. A fault of
// the block or the witness marks that artifact as stale, so that the host has it fetched
// again. Another fault is permanent, because the same files give the same error again. A
// fault of the machine keeps its error.
func Classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return sdk.Interrupted(err)
	}
	_, hasClass := errors.AsType[*contract.Error](err)
	_, incomplete := errors.AsType[*stateless.IncompleteError](err)
	_, foreign := errors.AsType[*stateless.WitnessError](err)
	switch {
	case hasClass || isMachineFault(err):
		return err
	case errors.Is(err, witness.ErrMismatch):
		return sdk.Stale(err, sdk.ArtifactBlock)
	case incomplete || foreign:
		return sdk.Stale(err, sdk.ArtifactWitness)
	}
	return sdk.Permanent(err)
}
