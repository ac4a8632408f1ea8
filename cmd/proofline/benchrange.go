package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// blockRange is the value of --blocks of a benchmark: a range of numbers, or the number of
// first blocks of an archive. The zero value means all blocks.
type blockRange struct {
	from, to uint64 // both included; to is 0 if there is no range
	first    int    // 0 for all
}

// maxRange is the largest range, so that a typing error does not start weeks of work.
const maxRange = 100_000

// parseRange parses N, N..M, or an empty text.
func parseRange(text string) (r blockRange, err error) {
	if text == "" {
		return r, nil
	}
	low, high, isRange := strings.Cut(text, "..")
	if !isRange {
		if r.first, err = strconv.Atoi(text); err != nil || r.first < 1 {
			return blockRange{}, usage("--blocks %s is neither a number of blocks nor a range: write 20, or 24000100..24000120", text)
		}
		return r, nil
	}
	from, errFrom := strconv.ParseUint(low, 10, 64)
	to, errTo := strconv.ParseUint(high, 10, 64)
	switch {
	case errFrom != nil || errTo != nil:
		return r, usage("--blocks %s is no range of block numbers: write it like 24000100..24000120", text)
	case from < 1 || to < from:
		return r, usage("--blocks %s: a range begins at 1 or above and ends where it begins or later", text)
	case to-from >= maxRange:
		return r, usage("--blocks %s are %d blocks: a benchmark takes %d at most", text, to-from+1, maxRange)
	}
	return blockRange{from: from, to: to}, nil
}

// bounded reports whether it is a range of numbers.
func (r blockRange) bounded() bool { return r.to > 0 }

// count returns how many numbers a range has.
func (r blockRange) count() int { return int(r.to - r.from + 1) }

// targets returns the range as a selection.
func (r blockRange) targets() contract.Selection {
	s := contract.Selection{Every: 1}
	if r.bounded() {
		s.From, s.To = &r.from, &r.to
	}
	return s
}

// archivedBlocks counts the block numbers of an archive that are in the range. Its folders
// are named by number, with or without a hash.
func archivedBlocks(dir string, r blockRange) (count int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, contract.Environment(fmt.Errorf("the archive cannot be read: %w", err), "keep blocks with archive: {dir: …} in the config of source-rpc")
	}
	numbers := map[uint64]bool{}
	for _, e := range entries {
		digits, _, _ := strings.Cut(e.Name(), "-")
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil && e.IsDir() && (!r.bounded() || n >= r.from && n <= r.to) {
			numbers[n] = true
		}
	}
	switch {
	case len(numbers) == 0 && r.bounded():
		return 0, contract.Environment(fmt.Errorf("%s holds none of the blocks %d to %d", dir, r.from, r.to), "choose others, or leave --archive out to take them from the file's source")
	case len(numbers) == 0:
		return 0, contract.Environment(fmt.Errorf("%s holds no block", dir), "it needs folders named by block number, each with block.json and witness.json")
	case r.first > 0:
		return min(len(numbers), r.first), nil
	}
	return len(numbers), nil
}
