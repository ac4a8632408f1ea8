// Package retry says when a request to another service is worth another try.
package retry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/proofline/proofline/sdk/backoff"
)

const (
	first   = 2 * time.Second
	longest = 15 * time.Minute
)

// Backoff is the pause after the n-th try, from 1: 2 s doubled each time, 15
// minutes at most.
func Backoff(try uint32) time.Duration { return backoff.Doubled(first, longest, try) }

// After reads Retry-After in both of its forms (RFC 9110, 10.2.3), and returns
// otherwise where it is absent or not readable. The result is between a second
// and an hour.
func After(header http.Header, now time.Time, otherwise time.Duration) time.Duration {
	wait, found := Told(header, now)
	if !found {
		wait = otherwise
	}
	return min(max(wait, time.Second), time.Hour)
}

// Told is what Retry-After says, not below zero and not above an hour. found is
// false where the header is absent or not readable. Fractions of a second, which
// some gateways send, are taken.
func Told(header http.Header, now time.Time) (wait time.Duration, found bool) {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 3600) * float64(time.Second)), true
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), time.Hour), true
	}
	return 0, false
}
