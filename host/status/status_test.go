package status

import (
	"testing"
	"time"
)

// TestDuration: what has not begun has not lasted since the beginning of time.
func TestDuration(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		started, ended time.Time
		want           time.Duration
	}{
		{now, now.Add(time.Second), time.Second},
		{now, time.Time{}, 0},
		{time.Time{}, now, 0},
		{time.Time{}, time.Time{}, 0},
	} {
		if have := (JobStage{Started: c.started, Ended: c.ended}).Duration(); have != c.want {
			t.Errorf("from %v to %v: %v, want %v", c.started, c.ended, have, c.want)
		}
	}
}
