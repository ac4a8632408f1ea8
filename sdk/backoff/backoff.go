// Package backoff computes the pauses between the tries of an operation that fails. It
// does not wait and holds no state.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Doubled returns the pause after a number of failed tries in a row. After one try it is
// first; each further try doubles it, up to longest.
func Doubled[N int | uint32](first, longest time.Duration, tries N) time.Duration {
	pause := min(first, longest)
	for ; tries > 1 && pause > 0 && pause < longest; tries-- {
		if pause > longest/2 {
			return longest
		}
		pause *= 2
	}
	return pause
}

// Jitter shortens a pause by a random amount of up to 1/part of it, so that operations
// which failed together are not tried again together. With a part of 1 the pause may
// become zero.
func Jitter(pause time.Duration, part int) time.Duration {
	if pause <= 0 {
		return pause
	}
	return pause - rand.N(pause/time.Duration(part)+1)
}
