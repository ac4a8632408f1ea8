package launch

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRunClock: a gap in the host's running time counts as at most maxClockStep, a step
// back of the clock counts as nothing, and time with regular readings counts in full.
func TestRunClock(t *testing.T) {
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	c := &runClock{}
	c.at(began)
	for s := 1; s <= 60; s++ {
		c.at(began.Add(time.Duration(s) * time.Second))
	}
	if got := c.at(began.Add(time.Minute)); got != time.Minute {
		t.Errorf("a minute of seconds is %v", got)
	}
	if got := c.at(began.Add(time.Hour)); got != time.Minute+maxClockStep {
		t.Errorf("after a standstill of 59 minutes %v are counted, want %v", got, time.Minute+maxClockStep)
	}
	if got := c.at(began); got != time.Minute+maxClockStep {
		t.Errorf("after a step back %v are counted", got)
	}
}

func TestRunClockRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, done := &runClock{}, make(chan struct{})
		c.now()
		go c.run(done)
		time.Sleep(10 * time.Minute)
		if got := c.now(); got != 10*time.Minute {
			t.Errorf("%v lived in ten minutes", got)
		}
		close(done)
		synctest.Wait()
	})
}
