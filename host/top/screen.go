package top

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/proofline/proofline/host/live"
)

// View is the first screen or one of the lists that a key opens.
type View int

// The views.
const (
	First View = iota
	Stages
	Blocks
	Failures
	Log
	Endpoints
	views
)

var viewNames = [views]string{"overview", "stages", "blocks", "failures", "log", "endpoints"}

// Screen is the content of the terminal.
type Screen struct {
	Overview live.Overview
	Now      time.Time
	View     View
	Width    int // columns
	Height   int // lines
	Scroll   int // number of lines of a list that are above the screen
	// Trouble is why Overview is not up to date; empty if it is.
	Trouble string
}

// The colours are those of the dashboard. A symbol or a text always says the same as the
// colour.
var (
	muted  = lipgloss.NewStyle().Faint(true)
	strong = lipgloss.NewStyle().Bold(true)
	accent = lipgloss.NewStyle().Foreground(lipgloss.Color("12"))
	good   = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	warn   = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Color("1"))
)

// String returns the screen as Height lines of at most Width columns.
func (s Screen) String() string {
	width, height := max(s.Width, 1), max(s.Height, 1)
	head := append([]string{s.title()}, s.stateLines()...)
	body := s.overviewLines
	if s.View != First {
		body = func(room int) []string { return s.visibleLines(s.list(), room) }
	}
	lines := append(append(head, ""), body(height-len(head)-2)...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(height-1, 0)], s.keys())
	for i, line := range lines {
		lines[i] = strings.TrimRight(ansi.Truncate(line, width, "…"), " ")
	}
	return strings.Join(lines, "\n")
}

// visibleLines returns the header of a list, which is its first line, and the part of the
// list that fits into height lines.
func (s Screen) visibleLines(list []string, height int) []string {
	if len(list) == 0 || height < 2 {
		return nil
	}
	from := 1 + min(s.Scroll, max(0, len(list)-height))
	return append([]string{list[0]}, list[from:min(len(list), from+height-1)]...)
}

// list returns the lines of the view, a header first; nil for the first screen.
func (s Screen) list() []string {
	switch s.View {
	case Stages:
		return s.stageList()
	case Blocks:
		return s.blockList()
	case Failures:
		return s.failureList()
	case Log:
		return s.logList()
	case Endpoints:
		return s.endpointList()
	}
	return nil
}

// Lines returns the number of lines of the view's list without the header.
func (s Screen) Lines() int { return max(0, len(s.list())-1) }

// title returns the first line: the pipeline, the connection and the time.
func (s Screen) title() string {
	p := s.Overview.Pipeline
	left := strong.Render("proofline") + "  " + muted.Render(printable(join(" · ", p.Name, p.Host)))
	right := good.Render("●") + " live"
	if s.Trouble != "" {
		right = bad.Render("✕") + " not connected"
	}
	return s.spread(left, right+"  "+s.Now.UTC().Format("15:04:05 UTC"))
}

// spread puts two texts at the two ends of a line. It cuts the left one if both do not
// fit.
func (s Screen) spread(left, right string) string {
	room := s.Width - ansi.StringWidth(right) - 2
	if room < 8 {
		return left
	}
	left = ansi.Truncate(left, room, "…")
	return left + strings.Repeat(" ", s.Width-ansi.StringWidth(left)-ansi.StringWidth(right)) + right
}

// stateLines returns the state of the pipeline with its reason, on one or two lines.
func (s Screen) stateLines() []string {
	p := s.Overview.Pipeline
	mark := map[string]string{live.Running: good.Render("●"), live.Degraded: bad.Render("▲"), live.Stopping: warn.Render("‖")}[p.State]
	if mark == "" {
		mark = warn.Render("◌")
	}
	text := p.Reason
	if s.Trouble != "" {
		mark, text = muted.Render("●"), "What follows is old: "+s.Trouble
	}
	line := mark + " " + strong.Render(printable(p.Word)) + "  " + printable(text)
	lines := strings.SplitN(ansi.Wordwrap(line, max(s.Width-2, 20), ""), "\n", 2)
	if len(lines) > 1 {
		lines[1] = "  " + strings.ReplaceAll(lines[1], "\n", " ")
	}
	return lines
}

// keys returns the last line: the views and the keys that open them.
func (s Screen) keys() string {
	var parts []string
	for v := range views {
		text := fmt.Sprintf("%d %s", v+1, viewNames[v])
		if v == s.View {
			text = strong.Render(text)
		} else {
			text = muted.Render(text)
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, "  ")
	if s.View != First {
		text += muted.Render("  ↑↓ move")
	}
	return text + muted.Render("  q quit")
}

// printable replaces characters that are not printable by question marks, and line breaks
// and tabs by spaces.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}

// join joins the parts that are not empty.
func join(separator string, parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}

// cell cuts or pads a text to exactly width columns.
func cell(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

// right is cell with the text at the right.
func right(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return strings.Repeat(" ", max(0, width-ansi.StringWidth(text))) + text
}

// ago returns the time since t as text.
func (s Screen) ago(t time.Time) string {
	return live.Long(max(0, int64(s.Now.Sub(t)/time.Second))) + " ago"
}
