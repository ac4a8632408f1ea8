package retry

import (
	"net/http"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	for try, want := range map[uint32]time.Duration{0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second,
		8: 256 * time.Second, 9: 512 * time.Second, 10: 15 * time.Minute, 1 << 31: 15 * time.Minute} {
		if got := Backoff(try); got != want {
			t.Errorf("after try %d: %s, want %s", try, got, want)
		}
	}
}

func TestAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"47": 47 * time.Second, "0": time.Second, "-5": time.Minute, "999999999": time.Hour, "99999999999999999999": time.Hour,
		"": time.Minute, "soon": time.Minute, "Sun, 22 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sun, 22 Nov 2026 11:00:30 GMT": time.Second,
	} {
		if got := After(http.Header{"Retry-After": {value}}, now, time.Minute); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func FuzzAfter(f *testing.F) {
	f.Add("47")
	f.Add("Sun, 22 Nov 2026 12:00:30 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		if got := After(http.Header{"Retry-After": {value}}, time.Now(), time.Minute); got < time.Second || got > time.Hour {
			t.Errorf("%q: %s", value, got)
		}
	})
}

func TestFromHeader(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const none = -1
	for value, want := range map[string]time.Duration{
		"": none, "7": 7 * time.Second, "0": 0, "0.5": 500 * time.Millisecond, "-1": none, "soon": none, "1e9": time.Hour, "NaN": none,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		header := http.Header{}
		if value != "" {
			header.Set("Retry-After", value)
		}
		if wait, found := FromHeader(header, now); found != (want != none) || found && wait != want {
			t.Errorf("%q: %v, %v, want %v", value, wait, found, want)
		}
	}
}
