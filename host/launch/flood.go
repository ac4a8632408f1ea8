package launch

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// How much of what a plugin writes is logged within a minute. What is left out is
// counted, and still kept in the log of a failed attempt as far as that reaches.
const floodWindow = time.Minute

// allowances are for debug lines, for information, and for warnings and errors: none
// of them is lost among the others.
var allowances = [3]struct{ lines, bytes int }{{1200, 1 << 20}, {600, 512 << 10}, {300, 256 << 10}}

// flood limits the lines of one plugin. It is safe for concurrent use.
type flood struct {
	mu      sync.Mutex
	began   time.Time
	lines   [3]int // by allowance
	bytes   [3]int
	dropped int
}

// admit reports whether a line of so many bytes is logged at a level. The report is what has to
// be said of the window before, or empty.
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
	if most := allowances[i]; f.lines[i] >= most.lines || f.bytes[i] > 0 && f.bytes[i]+size > most.bytes {
		f.dropped++
		return false, report
	}
	f.lines[i]++
	f.bytes[i] += size
	return true, report
}

// end begins a new window and says what the last one has left out.
func (f *flood) end() (report string) {
	if f.dropped > 0 {
		report = fmt.Sprintf("the plugin writes too much: %d lines are left out", f.dropped)
	}
	f.lines, f.bytes, f.dropped = [3]int{}, [3]int{}, 0
	return report
}

// last says what was left out at the end of a plugin.
func (f *flood) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end()
}
