package selection

import (
	"slices"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

func TestMissedNamesTheTargetsOfTheWindowNewestFirst(t *testing.T) {
	from := uint64(170)
	for _, c := range []struct {
		name string
		s    Selection
		head uint64
		want []uint64
	}{
		{"every tenth", Selection{Targets: contract.Selection{Every: 10}, Repair: 30}, 205, []uint64{200, 190, 180}},
		{"a bound", Selection{Targets: contract.Selection{Every: 10, From: &from}, Repair: 100}, 200, []uint64{200, 190, 180, 170}},
		{"a shard", Selection{Targets: contract.Selection{Every: 10, ShardCount: 2, ShardIndex: 1}, Repair: 50}, 200, []uint64{190, 170}},
		{"the chain's beginning", Selection{Targets: contract.Selection{Every: 1}, Repair: 100}, 3, []uint64{3, 2, 1}},
		{"off", Selection{Targets: contract.Selection{Every: 1}}, 3, nil},
	} {
		if got := c.s.RepairTargets(c.head); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDropByAge(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := Selection{DropAfter: time.Hour}
	for name, c := range map[string]struct {
		at   time.Time
		want bool
	}{"young": {now.Add(-time.Hour), false}, "old": {now.Add(-time.Hour - time.Second), true}, "age unknown": {time.Time{}, false}} {
		if reason, drop := s.Drop(contract.Block{Time: c.at}, now); drop != c.want || drop != (reason != "") {
			t.Errorf("%s: %v, %q", name, drop, reason)
		}
	}
	listed := Selection{DropAfter: time.Hour, Blocks: []uint64{3, 7, 9}}
	for number, want := range map[uint64]bool{3: false, 7: false, 9: false, 8: true, 0: true} {
		if reason, drop := listed.Drop(contract.Block{Number: number, Time: now.Add(-24 * time.Hour)}, now); drop != want {
			t.Errorf("block %d beside a list: %v, %q", number, drop, reason)
		}
	}
	if _, drop := (Selection{}).Drop(contract.Block{Time: time.Unix(1, 0)}, now); drop {
		t.Error("dropped without a limit")
	}
}
