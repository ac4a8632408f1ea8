package score

import "time"

// Rules are the rules by which a cohort is judged.
type Rules struct {
	Cohort      string `json:"cohort"`       // "1:1" or "1:10": one of so many blocks
	ThresholdMS int64  `json:"threshold_ms"` // a proving time below this is fast
	// The bars are percentages of the target blocks. LivenessBar 0 means that
	// there is none.
	PerformanceBar int `json:"performance_bar"` // for blocks that were proved fast
	LivenessBar    int `json:"liveness_bar"`    // for blocks that were proved at all
}

// The cohorts that EthProofs ranks.
var (
	RealTime = Rules{Cohort: "1:1", ThresholdMS: 10_000, PerformanceBar: 70, LivenessBar: 95}
	OneInTen = Rules{Cohort: "1:10", ThresholdMS: 120_000, PerformanceBar: 80}
)

// RulesFor returns the rules for a pipeline that proves one of so many blocks: those of
// the 1:10 cohort for 10, else those of the 1:1 cohort.
func RulesFor(every uint64) Rules {
	if every == 10 {
		return OneInTen
	}
	return RealTime
}

const (
	// paralyzedAfter is the age of a block from which a missing proof counts.
	paralyzedAfter = 20 * time.Minute

	day  = 24 * time.Hour
	week = 7 * day // EthProofs' weeks end on Mondays at 00:00 UTC
)

// deadline returns the first Monday 00:00 UTC after now.
func deadline(now time.Time) time.Time {
	now = now.UTC()
	days := (8 - int(now.Weekday())) % 7
	if days == 0 {
		days = 7
	}
	return time.Date(now.Year(), now.Month(), now.Day()+days, 0, 0, 0, 0, time.UTC)
}

// reaches reports whether part is at least bar percent of all. When all is 0 only a bar
// of 0 is reached.
func reaches(part, all, bar int) bool { return bar == 0 || all > 0 && 100*part >= bar*all }

// allowedMisses returns how many of all blocks may be missed without missing the bar.
func allowedMisses(all, bar int) int { return all * (100 - bar) / 100 }
