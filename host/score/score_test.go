package score

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/proofline/proofline/sdk/contract"
)

// wednesday is in the middle of the week that ends on Monday, the 30th.
var wednesday = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// each returns n blocks, 12 seconds apart, of which the last is age old.
func each(n int, age time.Duration, set func(i int, b *Block)) (blocks []Block) {
	for i := range n {
		b := Block{Number: uint64(1000 + i), Time: wednesday.Add(-age - time.Duration(n-1-i)*12*time.Second)}
		b.Taken = b.Time
		set(i, &b)
		blocks = append(blocks, b)
	}
	return blocks
}

func proved(b *Block, ms int64) {
	b.Announced, b.Report, b.Ended, b.ProvingMS = true, Accepted, true, ms
}

// example is the case of 20 blocks that was put to EthProofs' own SQL.
func example(i int, b *Block) {
	switch {
	case i < 15:
		proved(b, 9_999)
	case i < 19:
		proved(b, 10_000)
	default:
		b.Announced = true
	}
}

var counts = cmpopts.IgnoreFields(Tally{}, "From", "To")

func TestTally(t *testing.T) {
	const old = 21 * time.Minute
	for _, c := range []struct {
		name    string
		blocks  []Block
		rules   Rules
		want    Tally
		verdict Verdict
	}{
		{"the worked example", each(20, old, example), RealTime,
			Tally{Blocks: 20, Under: 15, Stunners: 4, Paralyzers: 1, Performance: 75, Liveness: 95, Stunned: 20, Paralyzed: 5}, Verdict{true, true}},
		{"one miss more", each(20, old, func(i int, b *Block) {
			if example(i, b); i == 18 {
				*b = Block{Number: b.Number, Time: b.Time}
			}
		}), RealTime,
			Tally{Blocks: 20, Under: 15, Stunners: 3, Paralyzers: 1, Offline: 1, Performance: 75, Liveness: 90, Stunned: 15, Paralyzed: 5, OfflineRate: 5}, Verdict{true, false}},
		{"its last block still young", each(20, 20*time.Minute, example), RealTime,
			Tally{Blocks: 19, Under: 15, Stunners: 4, Open: 1, Performance: 78.95, Liveness: 100, Stunned: 21.05}, Verdict{true, true}},
		{"1:10 has another threshold and no bar for liveness", each(10, old, func(i int, b *Block) {
			b.Number *= 10
			if i < 8 {
				proved(b, 119_999)
			} else if i == 8 {
				proved(b, 120_000)
			}
		}), OneInTen,
			Tally{Blocks: 10, Under: 8, Stunners: 1, Offline: 1, Performance: 80, Liveness: 90, Stunned: 10, OfflineRate: 10}, Verdict{true, true}},
		{"dropped and failed blocks are offline at once", each(3, time.Minute, func(i int, b *Block) { b.Ended = i > 0 }), RealTime,
			Tally{Blocks: 2, Offline: 2, Open: 1, OfflineRate: 100}, Verdict{}},
		{"announced and failed is a paralyzer, but not yet", each(2, time.Minute, func(i int, b *Block) {
			b.Announced, b.Ended = true, true
			b.Time = b.Time.Add(-time.Duration(i) * old)
		}), RealTime, Tally{Blocks: 1, Paralyzers: 1, Open: 1, Paralyzed: 100}, Verdict{}},
		{"nothing", nil, RealTime, Tally{}, Verdict{}},
	} {
		got := standing{blocks: byNumber(c.blocks), rules: c.rules}.count(wednesday.Add(-week), wednesday, wednesday)
		if diff := cmp.Diff(c.want, got, counts); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
		if v := judge(got.Under, got.Proved(), got.Blocks, c.rules); v != c.verdict {
			t.Errorf("%s: %+v, want %+v", c.name, v, c.verdict)
		}
	}
}

func TestWindowEdges(t *testing.T) {
	for age, want := range map[time.Duration]int{week: 1, week + time.Nanosecond: 0, time.Nanosecond: 1, 0: 0, -time.Second: 0} {
		blocks := each(1, age, func(_ int, b *Block) { proved(b, 1) })
		if got := (standing{blocks: byNumber(blocks), rules: RealTime}).count(wednesday.Add(-week), wednesday, wednesday).Blocks; got != want {
			t.Errorf("a block %v old: counted %d times, want %d", age, got, want)
		}
	}
}

func TestReorgs(t *testing.T) {
	at := wednesday.Add(-time.Hour)
	fork := func(taken int, set func(*Block)) Block {
		b := Block{Number: 7, Time: at, Taken: at.Add(time.Duration(taken) * time.Second)}
		set(&b)
		return b
	}
	orphan := fork(1, func(b *Block) { b.Orphaned, b.Ended = true, true })
	announced := fork(1, func(b *Block) { b.Orphaned, b.Ended, b.Announced = true, true, true })
	fast, slow := fork(1, func(b *Block) { proved(b, 5) }), fork(2, func(b *Block) { proved(b, 50_000) })
	waiting := fork(2, func(*Block) {})
	for name, c := range map[string]struct {
		blocks []Block
		want   Tally
	}{
		"orphaned before it was announced": {[]Block{orphan}, Tally{}},
		"replaced and proved":              {[]Block{orphan, slow}, Tally{Blocks: 1, Stunners: 1}},
		"the first proof wins":             {[]Block{slow, fast}, Tally{Blocks: 1, Under: 1}},
		"announced before it was orphaned": {[]Block{announced, waiting}, Tally{Blocks: 1, Paralyzers: 1}},
	} {
		for range 2 {
			got := standing{blocks: byNumber(c.blocks), rules: RealTime}.count(wednesday.Add(-week), wednesday, wednesday)
			got = Tally{Blocks: got.Blocks, Under: got.Under, Stunners: got.Stunners, Paralyzers: got.Paralyzers, Offline: got.Offline, Open: got.Open}
			if got != c.want {
				t.Errorf("%s: %+v, want %+v", name, got, c.want)
			}
			slices.Reverse(c.blocks)
		}
	}
}

func TestDeadline(t *testing.T) {
	monday := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]time.Time{
		wednesday:                    monday,
		monday.Add(-time.Nanosecond): monday,
		monday:                       monday.AddDate(0, 0, 7),
		monday.AddDate(0, 0, -7):     monday,
		monday.AddDate(0, 0, -1):     monday,
		monday.Add(-time.Minute).In(time.FixedZone("", 3*3600)): monday,
	} {
		if got := deadline(now); !got.Equal(want) {
			t.Errorf("after %v: %v, want %v", now, got, want)
		}
	}
}

// TestForecast checks a forecast for every tenth block at a steady pace. By Wednesday noon
// 2.5 of 7 days have passed, which are 1800 of 5040 blocks.
func TestForecast(t *testing.T) {
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var blocks []Block
	for i := range 1800 + 720 { // the last day of the week before included
		b := Block{Number: uint64(10 * i), Time: wednesday.Add(-time.Duration(i+1) * 2 * time.Minute)}
		switch lately := i < 720; {
		case b.Time.Before(monday):
		case i < 9: // open: 18 minutes
		case lately && i%10 == 0: // unproved
		case lately:
			proved(&b, 60_000)
		default:
			proved(&b, 120_000) // before yesterday noon all were slow
		}
		blocks = append(blocks, b)
	}
	r := Judge(Record{Targets: contract.Selection{Every: 10}, Blocks: blocks}, wednesday)
	f := r.Forecast
	if f == nil || !f.Deadline.Equal(monday.AddDate(0, 0, 7)) {
		t.Fatalf("forecast %+v", f)
	}
	if f.Blocks != 5040 || f.Week.Blocks+f.Week.Open != 1800 {
		t.Errorf("%d blocks in the week, %d so far; want 5040, 1800", f.Blocks, f.Week.Blocks)
	}
	// Of the last day's 711 or so judged blocks 9 in 10 are fast.
	if f.Performance < 68 || f.Performance > 71 || f.Verdict.Performance {
		t.Errorf("performance %v, %+v", f.Performance, f.Verdict)
	}
	if want := 5040*20/100 - (f.Week.Blocks - f.Week.Under); f.SlowLeft != want || want >= 0 {
		t.Errorf("slow left %d, want %d, and less than none", f.SlowLeft, want)
	}
	if f.Week.Blocks-f.Week.Under-f.Week.Stunners != 71 {
		t.Errorf("%d unproved, want 71", f.Week.Blocks-f.Week.Proved())
	}
	for _, b := range [][]Block{nil, blocks[:29], blocks[:1]} { // less than an hour
		if r := Judge(Record{Blocks: b}, wednesday); r.Forecast != nil {
			t.Errorf("a forecast from %d blocks: %+v", len(b), r.Forecast)
		}
	}
}

// TestMissesLeft checks the remaining misses after the 20 blocks of the example, with 10
// blocks to come. Of 30 blocks 9 may be slow and 5 were; 1 may stay unproved and 1 has.
func TestMissesLeft(t *testing.T) {
	end := deadline(wednesday)
	now := end.Add(-8 * time.Second)
	blocks := byNumber(each(20, 0, example))
	for n, b := range blocks {
		b.Time = end.Add(-2*time.Hour + time.Duration(n-1000)*4*time.Minute)
		blocks[n] = b
	}
	s := standing{blocks: blocks, rules: RealTime}
	f := s.forecast(s.count(now.Add(-day), now, now), now)
	if f == nil || f.Blocks != 30 || f.SlowLeft != 4 || f.UnprovedLeft != 0 || f.Performance != 76.67 || f.Liveness != 96.67 || !f.Verdict.Both() {
		t.Errorf("%+v", f)
	}
}

func TestNotes(t *testing.T) {
	says := func(r Record, want string) {
		t.Helper()
		if got := strings.Join(Judge(r, wednesday).Notes, "\n"); !strings.Contains(got, want) {
			t.Errorf("notes do not say %q:\n%s", want, got)
		}
	}
	says(Record{}, "blocks that somebody has proved")
	says(Record{}, "no target block of the last 7 days")
	says(Record{Targets: contract.Selection{Every: 100}}, "not this selection: the rules are those of the 1:1 cohort")
	says(Record{Targets: contract.Selection{Every: 1, ShardIndex: 1, ShardCount: 4}}, "shard 2 of 4")
	says(Record{Followed: wednesday.Add(-21 * time.Minute)}, "until 2026-11-25 11:39:00 UTC")
	says(Record{Blocks: each(5, time.Hour, example)}, "a forecast needs")
	says(Record{Blocks: each(1, time.Hour, func(_ int, b *Block) { b.Ended, b.Checked = true, true })}, "without a proof stage, are offline")
	healthy := Judge(Record{Targets: contract.Selection{Every: 1}, Followed: wednesday, Blocks: each(301, 21*time.Minute, func(_ int, b *Block) { proved(b, 1) })}, wednesday)
	if len(healthy.Notes) != 1 || healthy.Forecast == nil || !healthy.Verdict.Both() {
		t.Errorf("a healthy pipeline: %+v", healthy)
	}
}
