package monitor

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/proofline/proofline/host/live"
)

// agoFigure returns the figure for how long ago t was.
func agoFigure(now, t time.Time) figure {
	if t.IsZero() {
		return figure{}
	}
	return figure{Text: agoText(now.Sub(t).Milliseconds()), Ago: t.UnixMilli()}
}

// agoText formats how long ago something was. A negative time is in the future.
func agoText(ms int64) string {
	s := ms / 1000
	switch {
	case ms <= -1000:
		return "in " + live.Long(-s)
	case s < 1:
		return "now"
	case s >= 600 && s < 3600:
		return fmt.Sprintf("%d min ago", s/60)
	}
	return live.Long(s) + " ago"
}

// inText formats how long it is until something is expected.
func inText(ms int64) string {
	if ms <= 0 {
		return "due now"
	}
	s := ms / 1000
	if s >= 3600 {
		return "in " + live.Long(s)
	}
	if s >= 60 {
		return fmt.Sprintf("in %d min %02d s", s/60, s%60)
	}
	return fmt.Sprintf("in %d s", s)
}

func blockLink(n uint64) string { return fmt.Sprintf("/block/%d", n) }

// dash formats a duration in ms, or a dash for 0.
func dash(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return live.Span(ms)
}

// fixed formats a number with a number of decimals and with thousands separators.
func fixed(v float64, decimals int) string {
	scale := math.Pow(10, float64(decimals))
	v = math.Floor(v*scale+0.5) / scale
	text := fmt.Sprintf("%.*f", decimals, math.Abs(v))
	integer, rest, dot := strings.Cut(text, ".")
	for i := len(integer) - 3; i > 0; i -= 3 {
		integer = integer[:i] + "," + integer[i:]
	}
	if dot {
		integer += "." + rest
	}
	if v < 0 {
		integer = "-" + integer
	}
	return integer
}

// unit formats a number with a unit, or a dash for an unknown value, which is negative.
func unit(v float64, decimals int, name string) string {
	if v < 0 {
		return "–"
	}
	return fixed(v, decimals) + name
}

func gib(b int64) float64 { return float64(b) / (1 << 30) }

func mib(b int64) string {
	if b < 1<<30 {
		return fixed(float64(b)/(1<<20), 0) + " MiB"
	}
	return fixed(gib(b), 1) + " GiB"
}

func mgas(g uint64) string {
	if g == 0 {
		return "–"
	}
	return fixed(float64(g)/1e6, 2) + " Mgas"
}

func hms(t time.Time) string { return t.UTC().Format("15:04:05") }

func day(t time.Time) string { return t.UTC().Format("Mon 2 Jan") }

// clock formats a time of day. It adds the day if the time is more than 20 hours ago.
func clock(now, t time.Time) string {
	if now.Sub(t) > 20*time.Hour {
		return day(t) + " " + hms(t)
	}
	return hms(t)
}
