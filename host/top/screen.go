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

// View is one of the lists that a key opens.
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

// Screen is what the terminal shows.
type Screen struct {
	Overview live.Overview
	Now      time.Time
	View     View
	Width    int // columns
	Height   int // lines
	Scroll   int // of a list: lines that are above the screen
	// Trouble says why Overview is not the present; empty while it is.
	Trouble string
}

// The colours are those of the dashboard; what they say is written, too.
var (
	muted  = lipgloss.NewStyle().Faint(true)
	strong = lipgloss.NewStyle().Bold(true)
	accent = lipgloss.NewStyle().Foreground(lipgloss.Color("12"))
	good   = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	warn   = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Color("1"))
)

// String lays the screen out: Height lines, none wider than Width.
func (s Screen) String() string {
	width, height := max(s.Width, 1), max(s.Height, 1)
	head := append([]string{s.title()}, s.verdict()...)
	body := s.first
	if s.View != First {
		body = func(room int) []string { return s.scrolled(s.list(), room) }
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

// scrolled is the part of a list that fits. Its first line is its header.
func (s Screen) scrolled(list []string, room int) []string {
	if len(list) == 0 || room < 2 {
		return nil
	}
	from := 1 + min(s.Scroll, max(0, len(list)-room))
	return append([]string{list[0]}, list[from:min(len(list), from+room-1)]...)
}

// list has the lines of the view behind a header; the first screen is none.
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

// Lines is how many lines the list of the view has behind its header.
func (s Screen) Lines() int { return max(0, len(s.list())-1) }

func (s Screen) title() string {
	p := s.Overview.Pipeline
	left := strong.Render("proofline") + "  " + muted.Render(printable(join(" · ", p.Name, p.Host)))
	right := good.Render("●") + " live"
	if s.Trouble != "" {
		right = bad.Render("✕") + " not connected"
	}
	return s.apart(left, right+"  "+s.Now.UTC().Format("15:04:05 UTC"))
}

// apart puts two texts at the two ends of a line. Where both do not fit, the left
// one is cut.
func (s Screen) apart(left, right string) string {
	room := s.Width - ansi.StringWidth(right) - 2
	if room < 8 {
		return left
	}
	left = ansi.Truncate(left, room, "…")
	return left + strings.Repeat(" ", s.Width-ansi.StringWidth(left)-ansi.StringWidth(right)) + right
}

// verdict is the state of the pipeline in a word, with its reason, on one or two
// lines.
func (s Screen) verdict() []string {
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

// printable writes what is not printable as a question mark.
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

// join joins what is not empty.
func join(by string, parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, by)
}

// cell is text of exactly so many columns.
func cell(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

// right is cell, at the right.
func right(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return strings.Repeat(" ", max(0, width-ansi.StringWidth(text))) + text
}

// ago is the time since an instant, in words.
func (s Screen) ago(t time.Time) string {
	return live.Long(max(0, int64(s.Now.Sub(t)/time.Second))) + " ago"
}
