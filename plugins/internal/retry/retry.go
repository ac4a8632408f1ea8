// Package retry says when a reporter's request is worth another try.
package retry

import (
	"net/http"
	"strconv"
	"time"
)

const (
	first   = 2 * time.Second
	longest = 15 * time.Minute
)

// Backoff is the pause after the n-th try, from 1: 2 s doubled each time, 15
// minutes at most.
func Backoff(try uint32) time.Duration {
	if try > 9 {
		return longest
	}
	return min(first<<(max(try, 1)-1), longest)
}

// After reads Retry-After in both of its forms (RFC 9110, 10.2.3), and returns
// otherwise where it is absent or not readable. The result is between a second
// and an hour.
func After(header http.Header, now time.Time, otherwise time.Duration) time.Duration {
	wait := otherwise
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, 3600)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, time.Second), time.Hour)
}
