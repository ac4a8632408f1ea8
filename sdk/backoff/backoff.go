// Package backoff computes the pauses between the tries of what has failed.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Doubled returns the pause after so many tries in a row, counted from 1: first,
// doubled with each further try, and never more than longest.
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

// Jitter shortens a pause by chance, by up to its part-th part, so that what failed
// together is not tried again together. A part of 1 may leave nothing of it.
func Jitter(pause time.Duration, part int) time.Duration {
	if pause <= 0 {
		return pause
	}
	return pause - rand.N(pause/time.Duration(part)+1)
}
