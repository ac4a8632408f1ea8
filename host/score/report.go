package score

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Record is what a pipeline knows of itself.
type Record struct {
	Pipeline string
	Targets  contract.Selection
	Blocks   []Block // targets of the last 7 days at least, in any order
	Site     *Site   // what EthProofs shows of them; nil where it was not asked
	// Followed is until when the source has followed the chain; zero where it has
	// never begun.
	Followed time.Time
	// Unsent counts, by reporter, the proofs that it has not taken yet.
	Unsent map[string]int
}

// Report is the standing of a pipeline. Its JSON form is part of the product:
// fields are added, never renamed.
type Report struct {
	Time     time.Time      `json:"time"`
	Pipeline string         `json:"pipeline"`
	Every    uint64         `json:"every"` // of the selection
	Rules    Rules          `json:"rules"`
	Week     Tally          `json:"last_7_days"`
	Day      Tally          `json:"last_24_hours"`
	Verdict  Verdict        `json:"verdict"`            // on the last 7 days
	Forecast *Forecast      `json:"forecast,omitempty"` // nil while there is too little to go by
	Unsent   map[string]int `json:"unsent,omitempty"`   // proofs that a reporter has not taken yet
	Notes    []string       `json:"notes"`              // what to know when reading the numbers
}

// Verdict says which bars are reached.
type Verdict struct {
	Performance bool `json:"performance"`
	Liveness    bool `json:"liveness"`
}

// Both reports whether every bar is reached.
func (v Verdict) Both() bool { return v.Performance && v.Liveness }

// Forecast is how the week will end, if it goes on as in the last 24 hours.
type Forecast struct {
	Deadline time.Time `json:"deadline"` // the next Monday 00:00 UTC
	Week     Tally     `json:"week"`     // so far, since the last Monday
	Blocks   int       `json:"blocks"`   // target blocks of the whole week
	Verdict  Verdict   `json:"verdict"`

	Performance float64 `json:"performance_percent"`
	Liveness    float64 `json:"liveness_percent"`
	// PerformanceLow and PerformanceHigh bound Performance in 9 of 10 weeks, if
	// blocks miss the threshold independently of each other.
	PerformanceLow  float64 `json:"performance_low_percent"`
	PerformanceHigh float64 `json:"performance_high_percent"`
	Left            int     `json:"left"`    // blocks to come, open ones included
	PaceMS          int64   `json:"pace_ms"` // mean time between target blocks
	// SlowLeft and UnprovedLeft are how many of the blocks to come, open ones
	// included, may miss the threshold or stay unproved, before the bar is out of
	// reach. Negative: it is, by so many. An unproved block misses both. Where a
	// cohort has no bar, every block may miss it.
	SlowLeft     int `json:"slow_left"`
	UnprovedLeft int `json:"unproved_left"`
}

// Judge reports how a pipeline stands at now.
func Judge(r Record, now time.Time) Report {
	now = now.UTC()
	rules := RulesFor(r.Targets.Every)
	s := standing{blocks: byNumber(r.Blocks), site: r.Site, rules: rules}
	s.addUntaken()
	report := Report{
		Time: now, Pipeline: r.Pipeline, Every: r.Targets.Every, Rules: rules, Unsent: r.Unsent,
		Week: s.count(now.Add(-week), now, now),
		Day:  s.count(now.Add(-day), now, now),
	}
	report.Verdict = judge(report.Week.Under, report.Week.Proved(), report.Week.Blocks, rules)
	report.Forecast = s.forecast(report.Day, now)
	report.Notes = notes(r, report, now)
	return report
}

func judge(under, proved, all int, rules Rules) Verdict {
	return Verdict{
		Performance: reaches(under, all, rules.PerformanceBar),
		Liveness:    reaches(proved, all, rules.LivenessBar),
	}
}

// standing is a record that is ready to be counted.
type standing struct {
	blocks map[uint64]Block
	site   *Site
	rules  Rules // of blocks that do not say theirs
}

// forecast goes by the last 24 hours, of which the record must cover an hour.
func (s standing) forecast(lately Tally, now time.Time) *Forecast {
	pace, newest := paceOf(s.blocks, lately)
	decided := lately.Blocks - lately.Pending
	if pace == 0 || decided == 0 {
		return nil
	}
	end := deadline(now)
	f := Forecast{Deadline: end, Week: s.count(end.Add(-week), now, now)}
	left := f.Week.Open + f.Week.Pending + max(0, int((end.Sub(newest)-1)/pace))
	past := f.Week.Blocks - f.Week.Pending
	f.Blocks = past + left
	expect := func(n int) int { return int(math.Round(float64(left) * float64(n) / float64(decided))) }
	under, proved := f.Week.Under+expect(lately.Under), f.Week.Proved()+expect(lately.Proved())
	f.Performance, f.Liveness = percent(under, f.Blocks), percent(proved, f.Blocks)
	f.Left, f.PaceMS = left, pace.Milliseconds()
	around := spread(float64(lately.Under)/float64(decided), left, f.Blocks)
	f.PerformanceLow, f.PerformanceHigh = hundredths(max(0, f.Performance-around)), hundredths(min(100, f.Performance+around))
	f.Verdict = judge(under, proved, f.Blocks, s.rules)
	f.SlowLeft = sparable(f.Blocks, s.rules.PerformanceBar) - (past - f.Week.Under)
	f.UnprovedLeft = sparable(f.Blocks, s.rules.LivenessBar) - (past - f.Week.Proved())
	return &f
}

// paceOf returns the mean time between the target blocks of a tally's span, 0
// where they cover less than an hour, and the time of the newest.
func paceOf(blocks map[uint64]Block, t Tally) (pace time.Duration, newest time.Time) {
	var oldest time.Time
	n := 0
	for _, b := range blocks {
		if b.Time.Before(t.From) || !b.Time.Before(t.To) {
			continue
		}
		if n++; n == 1 || b.Time.Before(oldest) {
			oldest = b.Time
		}
		if b.Time.After(newest) {
			newest = b.Time
		}
	}
	if span := newest.Sub(oldest); span >= time.Hour {
		pace = span / time.Duration(n-1)
	}
	return pace, newest
}

// notes says what the numbers leave out.
func notes(r Record, report Report, now time.Time) []string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	switch {
	case r.Site == nil:
		say("shares are of the pipeline's own target blocks; EthProofs counts only blocks that somebody has proved")
	case !r.Site.Whole:
		say("EthProofs was asked of %d blocks; of the others it is taken that it counts them", len(r.Site.Times))
	}
	if slices.ContainsFunc(r.Blocks, func(b Block) bool { return b.Report == DryRun }) {
		say("proofs of a dry run count here as if EthProofs had accepted them: nothing was sent")
	}
	if slices.ContainsFunc(r.Blocks, func(b Block) bool { return b.Every != 0 && RulesFor(b.Every) != report.Rules }) {
		say("select.every has changed: each block is judged by the rules of its own time, the bars are those of now")
	}
	if r.Targets.Every != 1 && r.Targets.Every != 10 {
		say("EthProofs ranks provers of every block and of every 10th, not this selection: the rules are those of the %s cohort", report.Rules.Cohort)
	}
	if r.Targets.ShardCount > 1 {
		say("this is shard %d of %d alone; the cluster's standing is that of all shards together", r.Targets.ShardIndex+1, r.Targets.ShardCount)
	}
	if slices.ContainsFunc(r.Blocks, func(b Block) bool { return b.Checked }) {
		say("blocks that were only checked, by a pipeline without a proof stage, are offline")
	}
	switch {
	case report.Week.Blocks+report.Week.Open == 0:
		say("the record holds no target block of the last 7 days")
	case report.Forecast == nil:
		say("a forecast needs target blocks of at least an hour in the last 24 hours")
	}
	if !r.Followed.IsZero() && now.Sub(r.Followed) > paralyzedAfter {
		say("the chain was followed until %s: target blocks since then are not in the record", r.Followed.UTC().Format(time.DateTime+" UTC"))
	}
	return list
}
