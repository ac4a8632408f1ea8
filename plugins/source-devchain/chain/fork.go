package chain

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/sdk/files"
)

// fork is the block and the time at which the chain passes to Amsterdam. Both are fixed
// when the chain is created, as on any chain. Blocks before the fork get an earlier
// timestamp than Time, however late they are made; the fork's block and later ones do not.
// The methods can be called on nil, which stands for a chain without a fork.
type fork struct {
	Block uint64 `json:"block"` // number of the first block of Amsterdam
	Time  uint64 `json:"time"`  // amsterdamTime, in Unix seconds
}

// forkFile is the name of the file with the fork, in the chain's directory.
const forkFile = "amsterdam.json"

// openFork returns the fork of the chain in the directory, nil where the config has none.
// The time of the fork of a new chain is the time, counted from now, at which its block is
// due.
func openFork(config Config, now time.Time) (*fork, error) {
	if config.ForkBlock == 0 {
		return nil, nil
	}
	path := filepath.Join(config.Dir, forkFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		period := uint64(max(config.Period, time.Second) / time.Second)
		f := &fork{Block: config.ForkBlock, Time: uint64(now.Unix()) + (config.ForkBlock-1)*period}
		return f, f.write(path)
	case err != nil:
		return nil, err
	}
	f := new(fork)
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if f.Block != config.ForkBlock {
		return nil, fmt.Errorf("the directory holds a chain that passes to Amsterdam at block %d, not at block %d: set fork_block to that, or delete %s to begin a new chain", f.Block, config.ForkBlock, config.Dir)
	}
	return f, nil
}

// write writes the file durably. It is called before the first block is made.
func (f *fork) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return files.WriteJSON(path, 0o600, f)
}

// extra returns the extra data of the genesis block, so that chains with different forks
// have different genesis hashes.
func (f *fork) extra() []byte {
	if f == nil {
		return nil
	}
	return fmt.Appendf(nil, "amsterdam %d %d", f.Block, f.Time)
}

// timestamp moves the time of a block to its side of the fork. A block before the fork
// leaves one second for each block between it and the fork.
func (f *fork) timestamp(number, time uint64) uint64 {
	switch {
	case f == nil:
		return time
	case number < f.Block:
		return min(time, f.Time-(f.Block-number))
	}
	return max(time, f.Time)
}
