package score

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/sdk/contract"
)

// siteCase is a week of one cluster with the results of the site's own SQL.
type siteCase struct {
	Name   string  `json:"name"`
	Cohort string  `json:"cohort"`
	Blocks [][]any `json:"blocks"` // number, age in seconds or null for no timestamp, status or "", proving time in ms
	Site   struct {
		Total       int     `json:"total"`
		Proven      int     `json:"proven"`
		Under       int     `json:"under"`
		Over        int     `json:"over"`
		Paralyzed   int     `json:"paralyzed"`
		Performance float64 `json:"performance"`
		Liveness    float64 `json:"liveness"`
		Stunner     float64 `json:"stunner"`
		Paralyzer   float64 `json:"paralyzer"`
		Eligible    bool    `json:"eligible"`
	} `json:"site"`
}

// TestAgainstTheSitesSQL replays testdata/cohort.json. Its blocks were put into
// tables of PostgreSQL 15, and its figures are what the functions
// snapshot_rtp_cohort and snapshot_opp_cohort of
// ethproofs/ethproofs:supabase/migrations/0069 and 0072@98b7a6f1 wrote, unchanged,
// for a zkVM that meets the other conditions. Every block of the tables is one that
// the site counts; a block of status "" is one that others proved.
func TestAgainstTheSitesSQL(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "cohort.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []siteCase
	if err := json.Unmarshal(content, &cases); err != nil || len(cases) < 20 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		record := Record{Targets: contract.Selection{Every: map[string]uint64{"1:1": 1, "1:10": 10}[c.Cohort]}, Site: &Site{Times: map[uint64]time.Time{}, Complete: true}}
		for _, fields := range c.Blocks {
			number, status := uint64(fields[0].(float64)), fields[2].(string)
			b := Block{Number: number, Time: wednesday.Add(-time.Hour), Announced: status != "", ProvingMS: int64(fields[3].(float64))}
			if age, has := fields[1].(float64); has {
				b.Time = wednesday.Add(-time.Duration(age) * time.Second)
				record.Site.Times[number] = b.Time
			}
			if status == "proved" {
				b.Report = Accepted
			}
			if status != "" { // the others are not even known
				record.Blocks = append(record.Blocks, b)
			}
		}
		got := Judge(record, wednesday)
		want := c.Site
		figures := fmt.Sprintf("%d blocks, %d proved, %d under, %d stunners, %d paralyzers: %.2f %.2f %.2f %.2f",
			got.Week.Blocks, got.Week.Proved(), got.Week.Under, got.Week.Stunners, got.Week.Paralyzers,
			got.Week.Performance, got.Week.Liveness, got.Week.Stunned, got.Week.Paralyzed)
		wanted := fmt.Sprintf("%d blocks, %d proved, %d under, %d stunners, %d paralyzers: %.2f %.2f %.2f %.2f",
			want.Total, want.Proven, want.Under, want.Over, want.Paralyzed, want.Performance, want.Liveness, want.Stunner, want.Paralyzer)
		if figures != wanted {
			t.Errorf("%s:\n got %s\nwant %s", c.Name, figures, wanted)
		}
		if c.Cohort == "1:1" && got.Verdict.Both() != want.Eligible { // in the other cohort each active cluster is eligible
			t.Errorf("%s: eligible %t, want %t", c.Name, got.Verdict.Both(), want.Eligible)
		}
	}
}

// TestRejectedAndUnsentAreNotProved checks 30 blocks, of which 19 were fast, 5 slow, 3
// rejected, and 3 failed after they were announced. The expected figures are the site's.
func TestRejectedAndUnsentAreNotProved(t *testing.T) {
	for _, outcome := range []Outcome{Rejected, Unsent} {
		blocks := each(30, 21*time.Minute, func(i int, b *Block) {
			b.Announced = true
			switch {
			case i < 19:
				proved(b, 8_000)
			case i < 24:
				proved(b, 12_000)
			case i < 27:
				b.Report, b.ProvingMS, b.Ended = outcome, 8_000, true
			default:
				b.Ended = true
			}
		})
		got := Judge(Record{Targets: contract.Selection{Every: 1}, Blocks: blocks}, wednesday)
		if w := got.Week; w.Blocks != 30 || w.Performance != 63.33 || w.Liveness != 80 || w.Paralyzed != 20 || got.Verdict.Both() {
			t.Errorf("%q: %+v, %+v", outcome, w, got.Verdict)
		}
	}
}

// TestRulesOfItsTime checks a pipeline that took every 10th block until noon and then every
// block.
func TestRulesOfItsTime(t *testing.T) {
	blocks := each(20, 21*time.Minute, func(i int, b *Block) {
		proved(b, 60_000)
		b.Every, b.Number = 1, uint64(1000+i)
		if i < 10 {
			b.Every, b.Number = 10, uint64(500+10*i)
		}
	})
	got := Judge(Record{Targets: contract.Selection{Every: 1}, Blocks: blocks}, wednesday)
	if got.Week.Under != 10 || got.Week.Stunners != 10 || got.Rules != RealTime || len(got.Notes) < 2 {
		t.Errorf("%+v, notes %q", got.Week, got.Notes)
	}
}

// TestSiteIsAskedOfTheMissedAlone checks a site that does not count one of two missed
// blocks and counts one that the pipeline has never taken in.
func TestSiteIsAskedOfTheMissedAlone(t *testing.T) {
	blocks := each(10, 21*time.Minute, func(i int, b *Block) {
		if i < 8 {
			proved(b, 1)
		}
	})
	site := &Site{Times: map[uint64]time.Time{1008: {}, 1009: blocks[9].Time, 2000: blocks[9].Time}}
	got := Judge(Record{Targets: contract.Selection{Every: 1}, Blocks: blocks, Site: site}, wednesday)
	want := Tally{Blocks: 10, Under: 8, Offline: 2, Performance: 80, Liveness: 80, OfflineRate: 20}
	if diff := cmp.Diff(want, got.Week, counts); diff != "" {
		t.Error(diff)
	}
	gaps := Record{Targets: contract.Selection{Every: 2}, Blocks: each(11, time.Minute, func(i int, b *Block) {
		proved(b, 1)
		b.Number = []uint64{1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 9_000_000}[i]
	})}
	if missed := Missed(gaps, wednesday); !slices.Equal(missed, []uint64{1004, 1006}) {
		t.Errorf("never had: %v", missed)
	}
	if missed := Missed(Record{Targets: contract.Selection{Every: 1}, Blocks: blocks}, wednesday); len(missed) != 2 || missed[0] != 1008 || missed[1] != 1009 {
		t.Errorf("to ask of: %v", missed)
	}
}
