package offline

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/sdk/contract"
)

// ChainOf returns the chain id of the blocks in an open checkpoint; 0 while it has no
// block.
func ChainOf(store *checkpoint.Store) (uint64, error) {
	recent, err := store.Recent(1)
	if err != nil {
		return 0, err
	}
	if len(recent) > 0 {
		return recent[0].Block.ChainID, nil
	}
	active, err := store.Active()
	if err != nil || len(active) == 0 {
		return 0, err
	}
	return active[0].Block.ChainID, nil
}

// Chain returns the chain id of the blocks in the checkpoint of a data directory; 0 when
// there is no checkpoint or no block in it. The error is a checkpoint.ErrInUse while a
// host uses the directory.
func Chain(data string) (chain uint64, err error) {
	store, err := checkpoint.OpenReadOnly(CheckpointPath(data))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return ChainOf(store)
}

// OtherChainError returns the error for a data directory that holds blocks of another
// chain than the pipeline follows.
func OtherChainError(data string, known, wanted uint64) *contract.Error {
	return &contract.Error{
		Class:  contract.ClassEnvironment,
		Err:    fmt.Errorf("data directory %s holds blocks of chain %d, but this pipeline follows chain %d", data, known, wanted),
		Remedy: "give each chain a data and an output directory of its own: data: and output: in the pipeline file",
	}
}
