// Package tick aligns the periodic tasks of a process to common instants, the whole
// multiples of their intervals. A sleeping process is then woken once for all tasks that
// are due, instead of once for each timer.
package tick

import "time"

// Until returns the time from now to the next whole multiple of the interval since 1970.
// If that is less than a tenth of the interval away, it returns the time to the multiple
// after it, so that a task does not run twice for one instant.
func Until(now time.Time, interval time.Duration) time.Duration {
	rest := interval - time.Duration(now.UnixNano())%interval
	if rest < interval/10 {
		rest += interval
	}
	return rest
}

// At returns a channel on which the time is sent once, after Until.
func At(interval time.Duration) <-chan time.Time { return time.After(Until(time.Now(), interval)) }
