package score

import (
	"math"
	"time"
)

// Point is the standing of the running week at an instant: the share of its target
// blocks until then that were proved within the threshold.
type Point struct {
	Time        time.Time `json:"t"`
	Performance float64   `json:"performance_percent"`
}

// coursePoints is how many points a whole week has.
const coursePoints = 168

// Course is the way of the standing from the last Monday 00:00 UTC to now, an
// hour apart and ending at now. Hours before the first target are left out. Blocks
// that are open are not counted yet.
func Course(r Record, now time.Time) []Point {
	now = now.UTC()
	from := deadline(now).Add(-week)
	all := standing{blocks: byNumber(r.Blocks), site: r.Site, rules: RulesFor(r.Targets.Every)}
	all.addUntaken()
	var under, of [coursePoints]int
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
		of[hour] += t.Blocks
	}
	points := []Point{}
	sum, blocks := 0, 0
	for hour := range coursePoints {
		end := from.Add(time.Duration(hour+1) * time.Hour)
		sum, blocks = sum+under[hour], blocks+of[hour]
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

// spread is how far the share of a forecast of n blocks may lie from what is
// expected, in 9 of 10 weeks, if the blocks are independent: a lower bound of what
// outages do.
func spread(share float64, n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * 1.645 * math.Sqrt(share*(1-share)*float64(n)) / float64(of)
}

func hundredths(v float64) float64 { return math.Round(100*v) / 100 }
