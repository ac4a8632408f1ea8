//go:build failpoints

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	name, at = parse(os.Getenv("PROOFLINE_FAILPOINT"))
	hits     atomic.Int64
)

// parse parses "NAME" or "NAME@OCCURRENCE".
func parse(text string) (name string, at int64) {
	name, number, found := strings.Cut(text, "@")
	if !found {
		return name, 1
	}
	at, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		panic("PROOFLINE_FAILPOINT=" + text + ": " + err.Error())
	}
	return name, at
}

// Hit ends the process if it is called for the selected occurrence of the selected
// failpoint.
func Hit(point string) {
	if point == name && hits.Add(1) == at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal arrives
	}
}

// Period returns the duration in an environment variable, or the default when the
// variable is not set.
func Period(variable string, fallback time.Duration) time.Duration {
	text := os.Getenv(variable)
	if text == "" {
		return fallback
	}
	period, err := time.ParseDuration(text)
	if err != nil || period <= 0 {
		panic(variable + "=" + text + ": want a time above 0")
	}
	return period
}
