package score

import (
	"time"
)

// Outcome is the outcome of reporting a block's proof to EthProofs.
type Outcome string

// The outcomes. The zero value means that there is no proof or that it was not accepted
// yet: it waits to be sent, or its report has expired.
const (
	Unsent   Outcome = ""
	Accepted Outcome = "accepted" // now or at an earlier try
	Rejected Outcome = "rejected"
	// DryRun means that no reporter sends the proof. It counts as accepted, and a note of
	// the report says so.
	DryRun Outcome = "dry run"
)

// Block is the result of the pipeline for one target block. After a reorg there may be
// several with one number.
type Block struct {
	Number uint64
	Time   time.Time // of the block
	Taken  time.Time // when it became a job
	// Every is select.every at the time Taken. It determines the rules of the block. 0
	// means the rules of the record.
	Every     uint64
	Announced bool    // as queued, proving or proved
	Report    Outcome // of its proof
	ProvingMS int64   // the reported proving time of a proved block
	Ended     bool    // the job is finished
	Orphaned  bool    // the block is not on the chain any more
	Checked   bool    // done by a pipeline that makes no proof
}

// isProved reports whether EthProofs has accepted the block's proof. A dry run counts as
// acceptance.
func (b Block) isProved() bool { return b.Report == Accepted || b.Report == DryRun }

// Tally counts the blocks of a span of time, in the terms of EthProofs. Blocks is the sum
// of Under, Stunners, Paralyzers, Offline and Pending. Percentages are of Blocks.
type Tally struct {
	From   time.Time `json:"from"` // inclusive, by the time of the block
	To     time.Time `json:"to"`   // exclusive
	Blocks int       `json:"blocks"`
	Under  int       `json:"under"` // proved within the threshold
	// Stunners were proved, but too slowly.
	Stunners int `json:"stunners"`
	// Paralyzers were announced and are not proved 20 minutes after the block. A later
	// proof turns them into Stunners or Under.
	Paralyzers int `json:"paralyzers"`
	// Offline blocks were never announced: they were dropped, failed before, or still wait
	// after 20 minutes.
	Offline int `json:"offline"`
	// Open blocks are younger than 20 minutes and undecided. They are not in Blocks.
	// Pending blocks are undecided, too, but EthProofs counts them already, because another
	// prover has proved them.
	Open    int `json:"open"`
	Pending int `json:"pending,omitempty"`

	Performance float64 `json:"performance_percent"` // Under
	Liveness    float64 `json:"liveness_percent"`    // Under + Stunners
	Stunned     float64 `json:"stunner_percent"`
	Paralyzed   float64 `json:"paralyzer_percent"`
	OfflineRate float64 `json:"offline_percent"`
}

// Proved returns the number of proved blocks, fast or slow.
func (t Tally) Proved() int { return t.Under + t.Stunners }

// count counts the blocks of [from, to) by their state at now.
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

// rulesOf returns the rules at the time when the block was taken in.
func (s standing) rulesOf(b Block) Rules {
	if b.Every == 0 {
		return s.rules
	}
	return RulesFor(b.Every)
}

// byNumber returns one block for each number, because EthProofs knows only numbers (see
// outranks). An orphan that was never announced does not count.
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

// outranks reports whether a counts instead of b, which has the same number. The block
// that was proved first counts, else one that was announced, else the one that was taken
// in last.
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

// percent returns a share in percent with two decimals; 0 when all is 0. It rounds halves
// up, as ROUND of PostgreSQL does.
func percent(part, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64((20_000*part+all)/(2*all)) / 100
}
