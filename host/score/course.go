package score

import (
	"math"
	"time"
)

// Point is the performance of the running week at an instant: the share of its target
// blocks up to then that were proved within the threshold.
type Point struct {
	Time        time.Time `json:"t"`
	Performance float64   `json:"performance_percent"`
}

// coursePoints is the number of points of a full week, one for each hour.
const coursePoints = 168

// Course returns the performance at the end of every hour since the last Monday 00:00
// UTC, and at now. Hours before the first target are left out. Open blocks do not count.
func Course(r Record, now time.Time) []Point {
	now = now.UTC()
	from := deadline(now).Add(-week)
	all := standing{blocks: byNumber(r.Blocks), site: r.Site, rules: RulesFor(r.Targets.Every)}
	all.addMissing()
	var under, counted [coursePoints]int // blocks of each hour
	for _, b := range all.blocks {
		at, _ := all.site.counts(b, all.rulesOf(b))
		hour := int(at.Sub(from) / time.Hour)
		if at.Before(from) || at.After(now) || hour >= coursePoints {
			continue
		}
		one := all
		one.blocks = map[uint64]Block{b.Number: b}
		t := one.count(at, at.Add(1), now)
		under[hour] += t.Under
		counted[hour] += t.Blocks
	}
	points := []Point{}
	sum, blocks := 0, 0
	for hour := range coursePoints {
		end := from.Add(time.Duration(hour+1) * time.Hour)
		sum, blocks = sum+under[hour], blocks+counted[hour]
		if end.After(now) {
			end = now
		}
		if blocks > 0 {
			points = append(points, Point{end, percent(sum, blocks)})
		}
		if !end.Before(now) {
			break
		}
	}
	return points
}

// margin returns, in percent of all blocks, how far a forecast of n blocks with the given
// share lies from the result in 9 of 10 weeks. It assumes that the blocks are independent
// of each other, so that outages make the real margin larger.
func margin(share float64, n, all int) float64 {
	if all == 0 {
		return 0
	}
	return 100 * 1.645 * math.Sqrt(share*(1-share)*float64(n)) / float64(all)
}

// hundredths rounds to two decimals.
func hundredths(v float64) float64 { return math.Round(100*v) / 100 }
