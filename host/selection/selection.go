// Package selection decides which blocks become jobs, in which order they are worked on,
// which of them a stage takes, and when a waiting block is too old.
package selection

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Order is the order in which waiting blocks are worked on.
type Order string

// The orders.
const (
	NewestFirst Order = "newest_first" // keeps up with the chain; the default
	OldestFirst Order = "oldest_first" // for backfill
)

// Selection is the "select" section of a pipeline file.
type Selection struct {
	// Targets are taken in as the chain grows. With Every 0 the chain is not followed.
	Targets contract.Selection
	// Blocks are single block numbers in addition to the targets, ascending and without
	// duplicates. They are never dropped for their age.
	Blocks []uint64
	Order  Order
	// DropAfter is the age at which a block that was not announced is dropped. The age is
	// the time between the block and the head of the chain. 0 drops no block, and is the
	// default when the targets lie in the past.
	DropAfter time.Duration
	// Repair is the window behind the head, in blocks, in which nodes can make a witness.
	// While nothing else is to be done the engine searches the window for targets that
	// were missed. A block that is about to leave the window is fetched first. 0 turns
	// both off.
	Repair uint64
}

// RepairTargets returns the targets in the repair window behind the head, the newest
// first.
func (s Selection) RepairTargets(head uint64) (numbers []uint64) {
	for back := range min(s.Repair, head) {
		if n := head - back; s.Targets.Includes(n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Compare orders two block numbers by urgency, the more urgent first.
func (s Selection) Compare(a, b uint64) int {
	if s.Order == OldestFirst {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// Drop reports whether a block is too old to be begun, and why. head is the block time of
// the head of the chain. The clock of the machine does not count, so that the blocks of a
// chain that stands still do not become older.
func (s Selection) Drop(block contract.Block, head time.Time) (reason string, drop bool) {
	if s.DropAfter <= 0 || block.Time.IsZero() {
		return "", false
	}
	if _, listed := slices.BinarySearch(s.Blocks, block.Number); listed {
		return "", false
	}
	age := head.Sub(block.Time)
	if age <= s.DropAfter {
		return "", false
	}
	return fmt.Sprintf("%s behind the head, more than drop_after (%s)", age.Round(time.Second), s.DropAfter), true
}
