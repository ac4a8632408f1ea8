// Package selection decides which blocks become jobs, in which order they are
// worked on, and when one that nobody waits for any more is left out.
package selection

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Order says which of the waiting blocks is worked on first.
type Order string

// The orders.
const (
	NewestFirst Order = "newest_first" // keeps up with the chain; the default
	OldestFirst Order = "oldest_first" // for backfill
)

// Selection is the "select" section of a pipeline file.
type Selection struct {
	// Targets are followed along the chain. With Every 0 nothing is followed.
	Targets contract.Selection
	// Blocks are single numbers, beside the targets: ascending, each once. Age
	// never drops them.
	Blocks []uint64
	Order  Order
	// DropAfter leaves out a block that lies further than this behind the head, by
	// the times of the two blocks, before it was announced; 0 never does, which is
	// the default where the targets lie in the past.
	DropAfter time.Duration
	// Repair is the window behind the head, in blocks, in which nodes can make a
	// witness. While there is nothing else to do it is looked through for targets
	// that were never selected, and a block that is about to leave it is fetched
	// first; 0 for neither.
	Repair uint64
}

// Missed lists the targets of the repair window behind the head, the newest
// first.
func (s Selection) Missed(head uint64) (numbers []uint64) {
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

// Drop reports whether a selected, unannounced block is too old to be begun, and
// why; head is the time of the chain's newest block. A clock decides nothing: the
// blocks of a chain that stands still grow no older.
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
