package score

import "time"

// Rules are how a cohort is judged.
type Rules struct {
	Cohort      string `json:"cohort"`       // "1:1" or "1:10": every Nth block
	ThresholdMS int64  `json:"threshold_ms"` // a proving time below it is fast, one of just as much is not
	// The bars are percentages of the target blocks. LivenessBar 0 means that
	// there is none.
	PerformanceBar int `json:"performance_bar"` // proved fast
	LivenessBar    int `json:"liveness_bar"`    // proved, however late
}

// The cohorts that EthProofs ranks.
var (
	RealTime = Rules{Cohort: "1:1", ThresholdMS: 10_000, PerformanceBar: 70, LivenessBar: 95}
	OneInTen = Rules{Cohort: "1:10", ThresholdMS: 120_000, PerformanceBar: 80}
)

// RulesFor returns the rules for a pipeline that proves every Nth block: those
// of the 1:10 cohort for 10, else those of the 1:1 cohort.
func RulesFor(every uint64) Rules {
	if every == 10 {
		return OneInTen
	}
	return RealTime
}

const (
	// paralyzedAfter is the age of a block past which a missing proof counts.
	paralyzedAfter = 20 * time.Minute

	day  = 24 * time.Hour
	week = 7 * day // the window, which ends on Mondays at 00:00 UTC
)

// deadline is the first Monday 00:00 UTC after now.
func deadline(now time.Time) time.Time {
	now = now.UTC()
	days := (8 - int(now.Weekday())) % 7
	if days == 0 {
		days = 7
	}
	return time.Date(now.Year(), now.Month(), now.Day()+days, 0, 0, 0, 0, time.UTC)
}

// reaches reports whether part of all is at least bar percent. Nothing of
// nothing reaches no bar but 0.
func reaches(part, all, bar int) bool { return bar == 0 || all > 0 && 100*part >= bar*all }

// sparable is how many of all may be missed at most without missing the bar.
func sparable(all, bar int) int { return all * (100 - bar) / 100 }
