package score

import (
	"math"
	"time"
)

// Block is what the pipeline has to show for one target block. After a reorg
// there may be several of one number.
type Block struct {
	Number    uint64
	Time      time.Time // of the block
	Taken     time.Time // when it became a job
	Announced bool      // as queued, proving or proved
	Proved    bool
	ProvingMS int64 // as reported; of a proved block
	Ended     bool  // no stage will work on it any more
	Orphaned  bool  // it has left the chain
	Checked   bool  // through every stage of a pipeline that makes no proof
}

// Tally counts the target blocks of a span of time. Blocks = Under + Stunners +
// Paralyzers + Offline; percentages are of Blocks.
type Tally struct {
	From   time.Time `json:"from"` // inclusive, by the time of the block
	To     time.Time `json:"to"`   // exclusive
	Blocks int       `json:"blocks"`
	Under  int       `json:"under"` // proved within the threshold
	// Stunners were proved, but too slowly.
	Stunners int `json:"stunners"`
	// Paralyzers were announced and are not proved 20 minutes after the block. A
	// proof still makes them stunners, or even fast.
	Paralyzers int `json:"paralyzers"`
	// Offline blocks were never announced: dropped, failed before, or still
	// waiting after 20 minutes.
	Offline int `json:"offline"`
	// Open blocks are younger than 20 minutes and may become anything. They are
	// not among Blocks.
	Open int `json:"open"`

	Performance float64 `json:"performance_percent"` // Under
	Liveness    float64 `json:"liveness_percent"`    // Under + Stunners
	Stunned     float64 `json:"stunner_percent"`
	Paralyzed   float64 `json:"paralyzer_percent"`
	OfflineRate float64 `json:"offline_percent"`
}

// Proved is how many blocks were proved, however late.
func (t Tally) Proved() int { return t.Under + t.Stunners }

// count tallies the blocks of [from, to) as they stand at now.
func count(blocks map[uint64]Block, rules Rules, from, to, now time.Time) Tally {
	t := Tally{From: from, To: to}
	for _, b := range blocks {
		late := now.Sub(b.Time) > paralyzedAfter
		switch {
		case b.Time.Before(from) || !b.Time.Before(to):
		case b.Proved && b.ProvingMS < rules.ThresholdMS:
			t.Under++
		case b.Proved:
			t.Stunners++
		case b.Announced && late:
			t.Paralyzers++
		case !b.Announced && (late || b.Ended):
			t.Offline++
		default:
			t.Open++
		}
	}
	t.Blocks = t.Proved() + t.Paralyzers + t.Offline
	t.Performance, t.Liveness = percent(t.Under, t.Blocks), percent(t.Proved(), t.Blocks)
	t.Stunned, t.Paralyzed, t.OfflineRate = percent(t.Stunners, t.Blocks), percent(t.Paralyzers, t.Blocks), percent(t.Offline, t.Blocks)
	return t
}

// byNumber merges blocks of the same number, because EthProofs knows only
// numbers: what was proved first counts, else what was announced. A block that
// left the chain before it was announced counts for nothing.
func byNumber(blocks []Block) map[uint64]Block {
	merged := make(map[uint64]Block, len(blocks))
	for _, b := range blocks {
		if b.Orphaned && !b.Announced {
			continue
		}
		if other, double := merged[b.Number]; !double || outranks(b, other) {
			merged[b.Number] = b
		}
	}
	return merged
}

func outranks(a, b Block) bool {
	switch {
	case a.Proved != b.Proved:
		return a.Proved
	case a.Proved:
		return a.Taken.Before(b.Taken)
	case a.Announced != b.Announced:
		return a.Announced
	}
	return a.Taken.After(b.Taken)
}

// percent is the share to two decimals; 0 where there is nothing.
func percent(part, all int) float64 {
	if all == 0 {
		return 0
	}
	return hundredths(100 * float64(part) / float64(all))
}

func hundredths(v float64) float64 { return math.Round(100*v) / 100 }
