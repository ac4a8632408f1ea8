package prover

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var barked time.Time
		start := time.Now()
		w := newWatchdog(8*time.Second, func() { barked = time.Now() })
		defer w.stop()
		for range 10 {
			time.Sleep(7 * time.Second)
			w.reset()
		}
		if !barked.IsZero() {
			t.Fatalf("it barked after %v although it was reset", barked.Sub(start))
		}
		last := time.Now()
		time.Sleep(time.Minute)
		if silence := barked.Sub(last); silence < 8*time.Second || silence > 9*time.Second {
			t.Errorf("it barked after a silence of %v", silence)
		}
	})
}

func TestWatchdogStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		barked := false
		newWatchdog(time.Second, func() { barked = true }).stop()
		never := newWatchdog(0, func() { barked = true })
		time.Sleep(time.Hour)
		never.reset()
		never.stop()
		if barked {
			t.Error("a watchdog that was stopped, or has no period, barked")
		}
	})
}

// TestWatchdogSurvivesAStandstill has the clock jump by more than the period
// between two steps, as it does for a process that was stopped.
func TestWatchdogSurvivesAStandstill(t *testing.T) {
	barked := false
	w := newWatchdog(time.Hour, func() { barked = true })
	defer w.stop()
	for range 3 { // each is one step, however long it took
		w.tick()
	}
	if barked || w.elapsed != 3 {
		t.Errorf("barked %t after %d steps", barked, w.elapsed)
	}
}
