package launch

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// floodWindow is the time for which allowances limit the logged lines. Lines beyond the
// limits are counted. They still reach the log of a failed attempt, which keeps the
// last lines.
const floodWindow = time.Minute

// allowances are the limits for debug lines, for info lines, and for warnings and
// errors. They are separate, so that many debug lines do not displace warnings.
var allowances = [3]struct{ lines, bytes int }{{1200, 1 << 20}, {600, 512 << 10}, {300, 256 << 10}}

// flood limits the log lines of one plugin. It is safe for concurrent use.
type flood struct {
	mu      sync.Mutex
	began   time.Time // of the present window
	lines   [3]int    // logged in the window, by allowance
	bytes   [3]int    // logged in the window, by allowance
	dropped int       // lines that were not logged in the window
}

// admit reports whether a line of size bytes may be logged at a level. report is a
// message about the lines that were dropped in the previous window, or empty.
func (f *flood) admit(now time.Time, size int, level slog.Level) (ok bool, report string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.began) >= floodWindow {
		report = f.end()
		f.began = now
	}
	i := 0
	switch {
	case level >= slog.LevelWarn:
		i = 2
	case level >= slog.LevelInfo:
		i = 1
	}
	if limit := allowances[i]; f.lines[i] >= limit.lines || f.bytes[i] > 0 && f.bytes[i]+size > limit.bytes {
		f.dropped++
		return false, report
	}
	f.lines[i]++
	f.bytes[i] += size
	return true, report
}

// end ends the window. It returns a message about its dropped lines, or "". The caller
// must hold f.mu.
func (f *flood) end() (report string) {
	if f.dropped > 0 {
		report = fmt.Sprintf("the plugin writes too much: %d lines are left out", f.dropped)
	}
	f.lines, f.bytes, f.dropped = [3]int{}, [3]int{}, 0
	return report
}

// close ends the last window of a plugin, as end does.
func (f *flood) close() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end()
}
