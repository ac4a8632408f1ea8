//go:build failpoints

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var (
	name, at = parse(os.Getenv("PROOFLINE_FAILPOINT"))
	hits     atomic.Int64
)

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

// Hit ends the process if this is the moment.
func Hit(point string) {
	if point == name && hits.Add(1) == at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal arrives
	}
}
