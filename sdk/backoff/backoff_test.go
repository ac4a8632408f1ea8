package backoff

import (
	"testing"
	"time"
)

func TestDoubled(t *testing.T) {
	for tries, want := range map[uint32]time.Duration{0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second,
		8: 256 * time.Second, 9: 512 * time.Second, 10: 15 * time.Minute, 1<<32 - 1: 15 * time.Minute} {
		if got := Doubled(2*time.Second, 15*time.Minute, tries); got != want {
			t.Errorf("after try %d: %s, want %s", tries, got, want)
		}
	}
	if got := Doubled(0, time.Minute, 1<<30); got != 0 {
		t.Errorf("from nothing: %s", got)
	}
	if got := Doubled(time.Hour, time.Minute, 1); got != time.Minute {
		t.Errorf("a first pause above the cap: %s", got)
	}
	if got := Doubled(time.Second, 1<<63-1, 1<<30); got != 1<<63-1 {
		t.Errorf("without a cap: %s", got)
	}
}

func TestJitterStaysInItsBounds(t *testing.T) {
	for _, c := range []struct {
		pause, least time.Duration
		part         int
	}{{0, 0, 2}, {time.Minute, 30 * time.Second, 2}, {time.Minute, 45 * time.Second, 4}, {time.Minute, 0, 1}} {
		for range 1000 {
			if got := Jitter(c.pause, c.part); got < c.least || got > c.pause {
				t.Fatalf("%s by 1/%d became %s", c.pause, c.part, got)
			}
		}
	}
}
