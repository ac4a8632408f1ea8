package score

import (
	"slices"
	"time"
)

// Site holds which blocks EthProofs counts (GET /blocks/{number}). It counts a block once
// it has the time of the block, which it fetches when a proof of any prover is accepted.
type Site struct {
	// Times holds the site's times by block number. The zero time means that the site was
	// asked about the block and does not count it.
	Times map[uint64]time.Time
	// Complete is true when Times contains every block that the site counts. Otherwise the
	// site was asked about some blocks only, and the others are assumed to count. Only the
	// blocks whose proof is not accepted have to be asked about: the others count.
	Complete bool
}

// answer is what is known about whether the site counts a block.
type answer int

const (
	unknown answer = iota
	no
	yes
)

// counts returns the time by which a block is assigned to a week, and whether the site
// counts the block. s is nil when the site was not asked.
func (s *Site) counts(b Block, rules Rules) (time.Time, answer) {
	if rules == OneInTen && b.Number%10 != 0 {
		return b.Time, no
	}
	if s == nil {
		return b.Time, unknown
	}
	at, asked := s.Times[b.Number]
	switch {
	case asked && at.IsZero(), !asked && s.Complete:
		return b.Time, no
	case asked:
		return at, yes
	}
	return b.Time, unknown
}

// addMissing adds the blocks that the site counts and that the pipeline has never taken
// in. They count as offline by the rules of the record.
func (s standing) addMissing() {
	if s.site == nil {
		return
	}
	for number, at := range s.site.Times {
		if _, own := s.blocks[number]; !own && !at.IsZero() {
			s.blocks[number] = Block{Number: number, Time: at}
		}
	}
}

// maxGap is the largest number of targets between two blocks of a record that count as
// missed. It is a week of every block. A larger gap means that one of the two blocks lies
// elsewhere in the chain, for example because the operator added it.
const maxGap = 50_400

// Missed returns, in ascending order, the blocks about which the site should be asked:
// those of the last 7 days whose proof is not accepted, and the targets between them that
// the pipeline has never taken in.
func Missed(r Record, now time.Time) []uint64 {
	var numbers, known []uint64
	blocks := byNumber(r.Blocks)
	for number, b := range blocks {
		if b.Time.Before(now.Add(-week)) || !b.Time.Before(now) {
			continue
		}
		known = append(known, number)
		if !b.isProved() {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(known)
	for i := range max(len(known)-1, 0) {
		if (known[i+1]-known[i])/max(r.Targets.Every, 1) > maxGap {
			continue
		}
		for number, ok := r.Targets.Next(known[i]); ok && number < known[i+1]; number, ok = r.Targets.Next(number) {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers
}
