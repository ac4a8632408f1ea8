// Package retry computes the pause before a request to another service is repeated.
package retry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/proofline/proofline/sdk/backoff"
)

const (
	firstPause = 2 * time.Second
	maxPause   = 15 * time.Minute
)

// Backoff returns the pause after a failed try. try counts from 1. The first pause is
// 2 s, each further one twice as long, up to 15 min.
func Backoff(try uint32) time.Duration { return backoff.Doubled(firstPause, maxPause, try) }

// After returns the pause that the header Retry-After asks for, or otherwise where the
// header is absent or invalid. The result lies between one second and one hour.
func After(header http.Header, now time.Time, otherwise time.Duration) time.Duration {
	wait, found := FromHeader(header, now)
	if !found {
		wait = otherwise
	}
	return min(max(wait, time.Second), time.Hour)
}

// FromHeader parses the header Retry-After in both forms of RFC 9110, 10.2.3, and
// fractions of a second, which some gateways send. The result lies between zero and
// one hour. found is false where the header is absent or invalid.
func FromHeader(header http.Header, now time.Time) (wait time.Duration, found bool) {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 3600) * float64(time.Second)), true
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), time.Hour), true
	}
	return 0, false
}
