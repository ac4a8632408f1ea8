package offline

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/sdk/contract"
)

// ChainOf is the chain of the blocks in an open checkpoint; 0 while it holds none.
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

// Chain is the chain of the blocks in the checkpoint of a data directory that no
// host uses; 0 where there is no checkpoint, or none with a block. The error is a
// checkpoint.ErrInUse where a host uses it.
func Chain(data string) (chain uint64, err error) {
	store, err := checkpoint.OpenReadOnly(File(data))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return ChainOf(store)
}

// OtherChain is the error of a pipeline whose data directory holds blocks of another
// chain than the one it is for.
func OtherChain(data string, known, wanted uint64) *contract.Error {
	return &contract.Error{
		Class:  contract.ClassEnvironment,
		Err:    fmt.Errorf("data directory %s holds blocks of chain %d, but this pipeline follows chain %d", data, known, wanted),
		Remedy: "give each chain a data and an output directory of its own: data: and output: in the pipeline file",
	}
}
