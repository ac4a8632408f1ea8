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

// fork says when the chain passes to Amsterdam. It is fixed when the chain begins,
// as the time of a fork is on any chain, and the blocks keep to it: those before
// the fork's block have earlier timestamps, however late they are made, and the
// fork's block and those behind it have none.
type fork struct {
	Block uint64 `json:"block"` // the first one by the rules of Amsterdam
	Time  uint64 `json:"time"`  // amsterdamTime, in Unix seconds
}

// forkFile lies beside the journal.
const forkFile = "amsterdam.json"

// openFork returns the fork of the chain in the directory, nil where the config has
// none. A chain that begins forks when its block is due, counted from now.
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

// write makes the file durable before the first block is.
func (f *fork) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return files.WriteJSON(path, 0o600, f)
}

// extra marks the genesis block, so that chains of different forks are different
// chains.
func (f *fork) extra() []byte {
	if f == nil {
		return nil
	}
	return fmt.Appendf(nil, "amsterdam %d %d", f.Block, f.Time)
}

// timestamp moves the time of a block to its side of the fork. Blocks before it
// leave a second for each of those that follow them.
func (f *fork) timestamp(number, time uint64) uint64 {
	switch {
	case f == nil:
		return time
	case number < f.Block:
		return min(time, f.Time-(f.Block-number))
	}
	return max(time, f.Time)
}
