package contract

import (
	"math"
	"testing"
)

// Next agrees with Includes, number by number, and ends at the end of the numbers.
func TestSelectionNext(t *testing.T) {
	from, to, none := uint64(37), uint64(95), uint64(0)
	for _, s := range []Selection{
		{}, {Every: 1}, {Every: 7}, {Every: 10, ShardCount: 4, ShardIndex: 3}, {Every: 3, ShardCount: 2, ShardIndex: 2}, {Every: 3, ShardCount: 1, ShardIndex: 0},
		{Every: 5, From: &from}, {Every: 5, From: &from, To: &to}, {Every: 5, From: &none, To: &to}, {Every: 2, ShardCount: 3, ShardIndex: 1, From: &from, To: &to},
	} {
		for n := range uint64(120) {
			want, found := uint64(0), false
			for m := n + 1; m < 400 && !found; m++ {
				want, found = m, s.Includes(m)
			}
			if have, ok := s.Next(n); ok != found || ok && have != want {
				t.Errorf("%+v: above %d comes %d, %v; want %d, %v", s, n, have, ok, want, found)
			}
		}
	}
	for _, s := range []Selection{{Every: 1}, {Every: 100}, {Every: math.MaxUint64}, {Every: 1 << 63, ShardCount: 3, ShardIndex: 2}, {Every: 7, ShardCount: math.MaxUint64, ShardIndex: 5}} {
		for _, n := range []uint64{0, 1, math.MaxUint64 / 2, math.MaxUint64 - 200, math.MaxUint64 - 1, math.MaxUint64} {
			if have, ok := s.Next(n); ok && (have <= n || !s.Includes(have)) {
				t.Errorf("%+v: above %d comes %d", s, n, have)
			}
		}
		if _, ok := s.Next(math.MaxUint64); ok {
			t.Errorf("%+v: something above the largest number", s)
		}
	}
}
