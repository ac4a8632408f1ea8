package contract

import (
	"math/bits"
	"time"
)

// Selection is the set of target blocks. The zero value selects nothing; Every 1
// selects each block.
type Selection struct {
	Every uint64 `json:"every"` // a target has number % Every == 0
	// ShardIndex and ShardCount split the targets between pipelines. The k-th target
	// (k = number / Every) belongs to the shard with k % ShardCount == ShardIndex.
	// ShardCount 0 or 1 means no split; ShardIndex counts from 0.
	ShardIndex uint64 `json:"shard_index"`
	ShardCount uint64 `json:"shard_count"`
	// From and To bound the numbers, both inclusive. From nil means the head at
	// the first poll; To nil means no end.
	From *uint64 `json:"from,omitempty"`
	To   *uint64 `json:"to,omitempty"`
}

// Includes reports whether the number is a target.
func (s Selection) Includes(number uint64) bool {
	if s.Every == 0 || number%s.Every != 0 {
		return false
	}
	if s.From != nil && number < *s.From || s.To != nil && number > *s.To {
		return false
	}
	return s.ShardCount < 2 || number/s.Every%s.ShardCount == s.ShardIndex
}

// Next returns the smallest target above a number; ok is false where there is none
// up to the largest number.
func (s Selection) Next(above uint64) (number uint64, ok bool) {
	if s.Every == 0 || s.ShardCount > 1 && s.ShardIndex >= s.ShardCount {
		return 0, false
	}
	if s.From != nil && *s.From > 0 {
		above = max(above, *s.From-1)
	}
	k := above/s.Every + 1
	if s.ShardCount > 1 {
		step := s.ShardIndex - k%s.ShardCount
		if s.ShardIndex < k%s.ShardCount {
			step += s.ShardCount
		}
		if k += step; k < step {
			return 0, false
		}
	}
	high, number := bits.Mul64(k, s.Every)
	if high > 0 || k == 0 || s.To != nil && number > *s.To {
		return 0, false
	}
	return number, true
}

// PollRequest asks a source for new target blocks.
type PollRequest struct {
	// Cursor is the NextCursor of an earlier answer, opaque to the host; empty
	// at the very first poll.
	Cursor    []byte
	Selection Selection
	Max       int           // largest number of blocks in the answer
	Wait      time.Duration // how long to wait for the first block
}

// PollResponse answers a poll. It depends on the cursor and the chain alone: polled
// again with the same cursor, a source answers the same blocks, or those that have
// replaced them.
type PollResponse struct {
	Blocks   []Block // new targets, in ascending order
	Orphaned []Hash  // hashes that earlier answers held and that are no longer on the chain
	// NextCursor is stored in one transaction with the blocks. It holds the last
	// 64 hashes, so that a reorg is noticed after a restart.
	NextCursor []byte
	Head       uint64    // number of the newest block that the source knows
	HeadTime   time.Time // the head's block time; zero where it is not known
	Done       bool      // the end of the selection is reached, and no further poll is needed
}

// Resolution is a source's answer about one requested block number.
type Resolution struct {
	Number uint64
	Block  *Block // nil when there is no such block
	Reason string // why Block is nil; empty otherwise
}
