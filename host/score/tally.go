package score

import (
	"time"
)

// Outcome is what the report of a block's proof has come to at EthProofs.
type Outcome string

// The outcomes. The zero value is a proof that is not made or has not been taken
// yet: it is on its way, or it was given up unsent.
const (
	Unsent   Outcome = ""
	Accepted Outcome = "accepted" // now or at an earlier try
	Rejected Outcome = "rejected"
	// DryRun is a proof of a stage that sends nothing. It counts as accepted, which
	// the notes say.
	DryRun Outcome = "dry run"
)

// Block is what the pipeline has to show for one target block. After a reorg
// there may be several of one number.
type Block struct {
	Number uint64
	Time   time.Time // of the block
	Taken  time.Time // when it became a job
	// Every is select.every at the time when the block was taken: the rules that it
	// is judged by. 0 means that of the Record.
	Every     uint64
	Announced bool    // as queued, proving or proved
	Report    Outcome // of its proof
	ProvingMS int64   // as reported; of a proved block
	Ended     bool    // no stage will work on it any more
	Orphaned  bool    // it has left the chain
	Checked   bool    // through every stage of a pipeline that makes no proof
}

// isProved reports whether EthProofs has the block's proof.
func (b Block) isProved() bool { return b.Report == Accepted || b.Report == DryRun }

// Tally counts the blocks of a span of time. Blocks = Under + Stunners + Paralyzers
// + Offline + Pending; percentages are of Blocks.
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
	// Open blocks are younger than 20 minutes, may become anything, and are not among
	// Blocks. Pending ones are so, too, but EthProofs counts them already, because
	// somebody else has proved them.
	Open    int `json:"open"`
	Pending int `json:"pending,omitempty"`

	Performance float64 `json:"performance_percent"` // Under
	Liveness    float64 `json:"liveness_percent"`    // Under + Stunners
	Stunned     float64 `json:"stunner_percent"`
	Paralyzed   float64 `json:"paralyzer_percent"`
	OfflineRate float64 `json:"offline_percent"`
}

// Proved is how many blocks were proved, however late.
func (t Tally) Proved() int { return t.Under + t.Stunners }

// count tallies the blocks of [from, to) as they stand at now.
func (s standing) count(from, to, now time.Time) Tally {
	t := Tally{From: from, To: to}
	for _, b := range s.blocks {
		rules := s.rulesOf(b)
		at, counted := s.site.counts(b, rules)
		if at.Before(from) || !at.Before(to) {
			continue
		}
		late := now.Sub(at) > paralyzedAfter
		switch {
		case counted == no:
		case b.isProved() && b.ProvingMS < rules.ThresholdMS:
			t.Under++
		case b.isProved():
			t.Stunners++
		case b.Announced && late:
			t.Paralyzers++
		case !b.Announced && (late || b.Ended):
			t.Offline++
		case counted == yes:
			t.Pending++
		default:
			t.Open++
		}
	}
	t.Blocks = t.Proved() + t.Paralyzers + t.Offline + t.Pending
	t.Performance, t.Liveness = percent(t.Under, t.Blocks), percent(t.Proved(), t.Blocks)
	t.Stunned, t.Paralyzed, t.OfflineRate = percent(t.Stunners, t.Blocks), percent(t.Paralyzers, t.Blocks), percent(t.Offline, t.Blocks)
	return t
}

// rulesOf are the rules of the time when the block was taken.
func (s standing) rulesOf(b Block) Rules {
	if b.Every == 0 {
		return s.rules
	}
	return RulesFor(b.Every)
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
	case a.isProved() != b.isProved():
		return a.isProved()
	case a.isProved():
		return a.Taken.Before(b.Taken)
	case a.Announced != b.Announced:
		return a.Announced
	}
	return a.Taken.After(b.Taken)
}

// percent is the share to two decimals, half a unit rounded up as PostgreSQL's
// ROUND does; 0 where there is nothing.
func percent(part, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64((20_000*part+all)/(2*all)) / 100
}
