package launch

import (
	"fmt"
	"sync"
	"time"
)

// How much of what a plugin writes is logged within a minute. What is left out is
// counted, and still kept in the log of a failed attempt as far as that reaches.
const (
	floodWindow  = time.Minute
	floodLines   = 1200      // debug and info
	floodBytes   = 1 << 20   // of those
	floodAlarms  = 300       // warnings and errors, which have an allowance of their own
	floodAlarmed = 256 << 10 // bytes of those
)

// flood limits the lines of one plugin. It is safe for concurrent use.
type flood struct {
	mu      sync.Mutex
	began   time.Time
	lines   [2]int // ordinary ones, alarms
	bytes   [2]int
	dropped int
}

// admit reports whether a line of so many bytes is logged. The report is what has to
// be said of the window before, or empty.
func (f *flood) admit(now time.Time, size int, alarm bool) (ok bool, report string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.began) >= floodWindow {
		report = f.end()
		f.began = now
	}
	i, lines, bytes := 0, floodLines, floodBytes
	if alarm {
		i, lines, bytes = 1, floodAlarms, floodAlarmed
	}
	if f.lines[i] >= lines || f.bytes[i] > 0 && f.bytes[i]+size > bytes {
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
	f.lines, f.bytes, f.dropped = [2]int{}, [2]int{}, 0
	return report
}

// last says what was left out at the end of a plugin.
func (f *flood) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end()
}
