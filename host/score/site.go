package score

import (
	"slices"
	"time"
)

// Site is what EthProofs shows of blocks (GET /blocks/{number}): it counts a block
// once it has the block's time, which it fetches when somebody's proof is accepted.
type Site struct {
	// Times holds the site's times by block number. The zero time stands for a block
	// that the site was asked of and does not count.
	Times map[uint64]time.Time
	// Whole: every block that the site counts is in Times. Else the site was asked of
	// some only, and counts the others as far as anybody knows. To ask of the blocks
	// whose proof is not accepted is enough: an accepted one is counted.
	Whole bool
}

// answer is what is known of whether the site counts a block.
type answer int

const (
	unknown answer = iota
	no
	yes
)

// counts returns the time that a block is counted by, and whether the site counts
// it. A site that was not asked may be nil.
func (s *Site) counts(b Block, rules Rules) (time.Time, answer) {
	if rules == OneInTen && b.Number%10 != 0 {
		return b.Time, no
	}
	if s == nil {
		return b.Time, unknown
	}
	at, asked := s.Times[b.Number]
	switch {
	case asked && at.IsZero(), !asked && s.Whole:
		return b.Time, no
	case asked:
		return at, yes
	}
	return b.Time, unknown
}

// addUntaken adds the blocks that the site counts and the pipeline has never had:
// they are offline. They are judged by the rules of the record.
func (s standing) addUntaken() {
	if s.site == nil {
		return
	}
	for number, at := range s.site.Times {
		if _, own := s.blocks[number]; !own && !at.IsZero() {
			s.blocks[number] = Block{Number: number, Time: at}
		}
	}
}

// mostBetween is how many targets between two neighbours of a record were missed at
// most, a week of every block: more than that are other numbers, such as one that was
// added by hand.
const mostBetween = 50_400

// Missed lists the blocks of the last 7 days whose proof is not accepted, and the
// targets between them that the pipeline has never had, ascending: those of which the
// site is worth asking whether it counts them.
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
		if (known[i+1]-known[i])/max(r.Targets.Every, 1) > mostBetween {
			continue
		}
		for number, ok := r.Targets.Next(known[i]); ok && number < known[i+1]; number, ok = r.Targets.Next(number) {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers
}
