package score

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Record is the data from which a Report is computed.
type Record struct {
	Pipeline string
	Targets  contract.Selection
	Blocks   []Block // the targets of the last 7 days or more, in any order
	Site     *Site   // which blocks EthProofs counts; nil when it was not asked
	// Followed is the time of the last poll of the source; zero before the first.
	Followed time.Time
	// Unsent is the number of proofs, by reporter, that wait to be sent.
	Unsent map[string]int
}

// Report is the score of a pipeline. Its JSON form is part of the product: fields are
// added, never renamed.
type Report struct {
	Time     time.Time      `json:"time"`
	Pipeline string         `json:"pipeline"`
	Every    uint64         `json:"every"` // of the selection
	Rules    Rules          `json:"rules"`
	Week     Tally          `json:"last_7_days"`
	Day      Tally          `json:"last_24_hours"`
	Verdict  Verdict        `json:"verdict"`            // on the last 7 days
	Forecast *Forecast      `json:"forecast,omitempty"` // nil when the record is too short
	Unsent   map[string]int `json:"unsent,omitempty"`   // see Record.Unsent
	Notes    []string       `json:"notes"`              // limits of the numbers, for the reader
}

// Verdict tells which bars are reached.
type Verdict struct {
	Performance bool `json:"performance"`
	Liveness    bool `json:"liveness"`
}

// Both reports whether every bar is reached.
func (v Verdict) Both() bool { return v.Performance && v.Liveness }

// Forecast is the expected end of the week if it goes on like the last 24 hours.
type Forecast struct {
	Deadline time.Time `json:"deadline"` // the next Monday 00:00 UTC
	Week     Tally     `json:"week"`     // from the last Monday to now
	Blocks   int       `json:"blocks"`   // target blocks of the whole week
	Verdict  Verdict   `json:"verdict"`

	Performance float64 `json:"performance_percent"`
	Liveness    float64 `json:"liveness_percent"`
	// PerformanceLow and PerformanceHigh bound Performance in 9 of 10 weeks, if
	// blocks miss the threshold independently of each other.
	PerformanceLow  float64 `json:"performance_low_percent"`
	PerformanceHigh float64 `json:"performance_high_percent"`
	Left            int     `json:"left"`    // remaining blocks of the week, open ones included
	PaceMS          int64   `json:"pace_ms"` // mean time between target blocks
	// SlowLeft is the number of remaining blocks that may miss the threshold, and
	// UnprovedLeft the number that may stay unproved, before the bar is out of reach. When
	// it is out of reach they are negative. An unproved block counts in both. Without a bar
	// every block may miss it.
	SlowLeft     int `json:"slow_left"`
	UnprovedLeft int `json:"unproved_left"`
}

// Judge returns the score of a pipeline at now.
func Judge(r Record, now time.Time) Report {
	now = now.UTC()
	rules := RulesFor(r.Targets.Every)
	s := standing{blocks: byNumber(r.Blocks), site: r.Site, rules: rules}
	s.addMissing()
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

// judge returns the verdict on all blocks, of which some were proved and some of these
// under the threshold.
func judge(under, proved, all int, rules Rules) Verdict {
	return Verdict{
		Performance: reaches(under, all, rules.PerformanceBar),
		Liveness:    reaches(proved, all, rules.LivenessBar),
	}
}

// standing is a record that is ready for counting.
type standing struct {
	blocks map[uint64]Block // by number
	site   *Site
	rules  Rules // of blocks without an Every
}

// forecast extrapolates the last 24 hours. It returns nil when the record covers less
// than an hour of them.
func (s standing) forecast(lastDay Tally, now time.Time) *Forecast {
	pace, newest := paceOf(s.blocks, lastDay)
	decided := lastDay.Blocks - lastDay.Pending
	if pace == 0 || decided == 0 {
		return nil
	}
	end := deadline(now)
	f := Forecast{Deadline: end, Week: s.count(end.Add(-week), now, now)}
	left := f.Week.Open + f.Week.Pending + max(0, int((end.Sub(newest)-1)/pace))
	past := f.Week.Blocks - f.Week.Pending
	f.Blocks = past + left
	expect := func(n int) int { return int(math.Round(float64(left) * float64(n) / float64(decided))) }
	under, proved := f.Week.Under+expect(lastDay.Under), f.Week.Proved()+expect(lastDay.Proved())
	f.Performance, f.Liveness = percent(under, f.Blocks), percent(proved, f.Blocks)
	f.Left, f.PaceMS = left, pace.Milliseconds()
	either := margin(float64(lastDay.Under)/float64(decided), left, f.Blocks) // on either side
	f.PerformanceLow, f.PerformanceHigh = hundredths(max(0, f.Performance-either)), hundredths(min(100, f.Performance+either))
	f.Verdict = judge(under, proved, f.Blocks, s.rules)
	f.SlowLeft = allowedMisses(f.Blocks, s.rules.PerformanceBar) - (past - f.Week.Under)
	f.UnprovedLeft = allowedMisses(f.Blocks, s.rules.LivenessBar) - (past - f.Week.Proved())
	return &f
}

// paceOf returns the mean time between the blocks in the span of a tally, and the time of
// the newest. The mean is 0 when the blocks cover less than an hour.
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

// notes returns what a reader must know about the limits of the numbers.
func notes(r Record, report Report, now time.Time) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	switch {
	case r.Site == nil:
		add("shares are of the pipeline's own target blocks; EthProofs counts only blocks that somebody has proved")
	case !r.Site.Complete:
		add("EthProofs was asked of %d blocks; of the others it is taken that it counts them", len(r.Site.Times))
	}
	if slices.ContainsFunc(r.Blocks, func(b Block) bool { return b.Report == DryRun }) {
		add("proofs of a dry run count here as if EthProofs had accepted them: nothing was sent")
	}
	if slices.ContainsFunc(r.Blocks, func(b Block) bool { return b.Every != 0 && RulesFor(b.Every) != report.Rules }) {
		add("select.every has changed: each block is judged by the rules of its own time, the bars are those of now")
	}
	if r.Targets.Every != 1 && r.Targets.Every != 10 {
		add("EthProofs ranks provers of every block and of every 10th, not this selection: the rules are those of the %s cohort", report.Rules.Cohort)
	}
	if r.Targets.ShardCount > 1 {
		add("this is shard %d of %d alone; the cluster's standing is that of all shards together", r.Targets.ShardIndex+1, r.Targets.ShardCount)
	}
	if slices.ContainsFunc(r.Blocks, func(b Block) bool { return b.Checked }) {
		add("blocks that were only checked, by a pipeline without a proof stage, are offline")
	}
	switch {
	case report.Week.Blocks+report.Week.Open == 0:
		add("the record holds no target block of the last 7 days")
	case report.Forecast == nil:
		add("a forecast needs target blocks of at least an hour in the last 24 hours")
	}
	if !r.Followed.IsZero() && now.Sub(r.Followed) > paralyzedAfter {
		add("the chain was followed until %s: target blocks since then are not in the record", r.Followed.UTC().Format(time.DateTime+" UTC"))
	}
	return list
}
