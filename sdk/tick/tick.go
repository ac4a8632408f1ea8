// Package tick has everything that a process does again and again happen at the same
// instants. A process that sleeps is woken once for all of it then; each timer of its own
// costs a dozen changes between threads.
package tick

import "time"

// Until is the time from now to the next whole multiple of the interval. Where that is
// almost now, it is the one after that, so that nothing happens twice for one instant.
func Until(now time.Time, interval time.Duration) time.Duration {
	rest := interval - time.Duration(now.UnixNano())%interval
	if rest < interval/10 {
		rest += interval
	}
	return rest
}

// At is a channel on which the time is sent at that instant by the clock of the machine.
func At(interval time.Duration) <-chan time.Time { return time.After(Until(time.Now(), interval)) }
