package prover

import (
	"sync"
	"time"
)

// watchdogSteps is the number of steps into which a watchdog divides its period.
const watchdogSteps = 8

// watchdog calls a function once when it was not reset for its period, or up to an eighth
// of the period later. It counts steps of time instead of reading the clock. A process
// that was stopped, or a machine that was suspended, so loses at most one step, and a run
// is not stopped for a silence during which it could not run. Methods may be called
// concurrently.
type watchdog struct {
	step    time.Duration
	expired func() // called at the end of the period

	mu      sync.Mutex
	timer   *time.Timer // nil after stop, and for a period of 0, which never ends
	elapsed int         // steps since the last reset
}

func newWatchdog(period time.Duration, expired func()) *watchdog {
	w := &watchdog{step: max(period/watchdogSteps, 1), expired: expired}
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
	// One more step is needed because the first step had begun before the reset.
	if w.elapsed++; w.elapsed > watchdogSteps {
		w.timer = nil
		w.expired()
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

// stop stops the watchdog. The function is not called afterwards.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}
