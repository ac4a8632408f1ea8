package prover

import (
	"sync"
	"time"
)

// watchdogSteps is into how many steps a watchdog divides its period.
const watchdogSteps = 8

// watchdog calls back once when it was not reset for its period, and at most an
// eighth of it later. It counts steps of time instead of asking the clock: a
// process that was stopped or a machine that was suspended loses one step by that
// at most, so that a run is not blamed for a silence in which it could not run.
// Its methods may be called concurrently.
type watchdog struct {
	step time.Duration
	bark func()

	mu      sync.Mutex
	timer   *time.Timer // nil after stop, and for a period of 0, which never ends
	elapsed int         // steps since the last reset
}

func newWatchdog(period time.Duration, bark func()) *watchdog {
	w := &watchdog{step: max(period/watchdogSteps, 1), bark: bark}
	if period > 0 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.timer = time.AfterFunc(w.step, w.tick)
	}
	return w
}

func (w *watchdog) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		return
	}
	// The first step after a reset was under way already.
	if w.elapsed++; w.elapsed > watchdogSteps {
		w.timer = nil
		w.bark()
		return
	}
	w.timer.Reset(w.step)
}

// reset begins the period anew.
func (w *watchdog) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.elapsed = 0
}

// stop ends the watch; the callback is not called any more.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}
