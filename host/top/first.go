package top

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/proofline/proofline/host/live"
)

// overviewLines returns the first screen in at most height lines: figures, stages, the
// block at work, the last targets, the score, and what needs attention. If there is too
// little room, it leaves out sections by the order of keep.
func (s Screen) overviewLines(height int) []string {
	sections := [][]string{s.figures(), s.stageRows(), s.proving(), s.strip(), s.score(), s.attention()}
	const attention = 5
	keep := []int{2, 0, 1, attention, 3, 4} // indexes of sections, the most important first
	shown := map[int]bool{}
	remaining := height
	for _, i := range keep {
		if i == attention { // a part of it is better than nothing
			sections[i] = sections[i][:min(len(sections[i]), max(remaining-1, 0))]
		}
		if n := len(sections[i]); n > 0 && n < remaining {
			remaining -= n + 1
			shown[i] = true
		}
	}
	var lines []string
	for i, section := range sections {
		if shown[i] {
			lines = append(append(lines, section...), "")
		}
	}
	return lines
}

// figures returns the lines with head, next target, last accepted block and last day.
func (s Screen) figures() []string {
	o := s.Overview
	head, next := "–", "–"
	if o.Chain.Head > 0 {
		head = live.Grouped(o.Chain.Head) + muted.Render(" "+s.ago(o.Chain.HeadTime))
	}
	if o.Chain.Next > 0 {
		next = live.Grouped(o.Chain.Next)
		if wait := o.Chain.NextTime.Sub(s.Now); !o.Chain.NextTime.IsZero() && wait > 0 {
			next += muted.Render(" in about " + live.Long(int64(wait.Seconds())))
		}
	}
	day := fmt.Sprintf("%s of %s", live.Grouped(o.Day.Accepted), live.Grouped(o.Day.Targets))
	if o.Day.MedianMS > 0 {
		day += muted.Render(", median " + live.Span(o.Day.MedianMS) + " from block")
	}
	latest := "none yet"
	if i := slices.IndexFunc(o.Targets, func(t live.Target) bool {
		return t.Outcome == live.Accepted || t.Outcome == live.Late || t.Outcome == live.Done
	}); i >= 0 {
		t := o.Targets[i]
		latest = live.Grouped(t.Number) + muted.Render(", took "+live.Span(t.TotalMS))
	}
	if s.Width < 64 {
		return []string{muted.Render("head      ") + head, muted.Render("next      ") + next, muted.Render("accepted  ") + latest, muted.Render("24 hours  ") + day}
	}
	half := s.Width / 2
	return []string{
		cell(muted.Render("head      ")+head, half) + muted.Render("next      ") + next,
		cell(muted.Render("accepted  ")+latest, half) + muted.Render("24 hours  ") + day,
	}
}

var stageMarks = map[string]string{
	"running": accent.Render("●"), "idle": "○", "waiting": "◔", "paused": warn.Render("‖"), "stuck": warn.Render("▲"), "down": bad.Render("✕"), "starting": warn.Render("◌"),
}

// stageRows returns a line for each stage.
func (s Screen) stageRows() []string {
	if len(s.Overview.Stages) == 0 {
		return []string{muted.Render("The stages appear here once they start.")}
	}
	name := 6
	for _, st := range s.Overview.Stages {
		name = min(max(name, len([]rune(st.Name))), 16)
	}
	tail := 28
	if s.Width < 64 {
		tail = 0
	}
	var lines []string
	for _, st := range s.Overview.Stages {
		doing := max(s.Width-name-5-tail, 8)
		line := stageMarks[st.State] + " " + strong.Render(cell(printable(st.Name), name)) + "  "
		ends := usableText(st.Endpoints, doing > 60)
		line += cell(printable(st.Doing), max(doing-ansi.StringWidth(ends), 8)) + ends
		if tail > 0 {
			line += muted.Render(right(fmt.Sprintf("queue %s", live.Grouped(st.Queue)), 11) + right(memory(st.Memory), 9) + right(restarts(st.Restarts), 8))
		}
		lines = append(lines, line)
	}
	return lines
}

func restarts(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("↻ %d", n)
}

func memory(n int64) string {
	switch {
	case n <= 0:
		return ""
	case n < 1e9:
		return fmt.Sprintf("%d MB", n/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// proving returns the lines about the block at work: its time as a bar, with marks at the
// prediction and the limit.
func (s Screen) proving() []string {
	p := s.Overview.Proving
	if p == nil {
		return []string{muted.Render("No block is at work.")}
	}
	elapsed := p.CountedMS
	if !p.CountedSince.IsZero() && s.Trouble == "" {
		elapsed += max(0, s.Now.Sub(p.CountedSince).Milliseconds())
	}
	about := strong.Render(live.Grouped(p.Number)) + muted.Render(fmt.Sprintf("  %.1f Mgas, %s transactions, in %s: %s", float64(p.Gas)/1e6, live.Grouped(p.Txs), printable(p.Stage), printable(p.Step)))
	scale := max(p.PredictedMS*3/2, p.HighMS, elapsed, 12_000)
	width := max(s.Width-2, 10)
	at := func(ms int64) int { return min(int(ms*int64(width)/scale), width-1) }
	bar := []rune(strings.Repeat("─", width))
	filled := at(elapsed)
	for i := range filled {
		bar[i] = '█'
	}
	line := accent.Render(string(bar[:filled])) + muted.Render(string(bar[filled:]))
	marks := []rune(strings.Repeat(" ", width))
	mark := func(ms int64, text string) {
		if ms <= 0 || ms > scale {
			return
		}
		r := []rune("╵" + text)
		from := min(at(ms), width-len(r))
		if from < 0 || strings.TrimSpace(string(marks[max(0, from-1):min(width, from+len(r)+1)])) != "" {
			return
		}
		copy(marks[from:], r)
	}
	if p.PredictedMS > 0 {
		mark(p.PredictedMS, "predicted "+live.Span(p.PredictedMS))
	}
	mark(p.LimitMS, "limit "+live.Limit(p.LimitMS))
	mark(12_000, "12 s")
	mark(10_000, "10 s")
	took := live.Span(elapsed)
	if p.LimitMS > scale {
		took += muted.Render(", limit " + live.Limit(p.LimitMS))
	}
	return []string{s.spread(about, took), line, muted.Render(string(marks))}
}

var heights = []rune("▁▂▃▄▅▆▇█")

// strip returns the lines with one column for each of the last targets, the newest at the
// right. The height of a column is the time. A symbol replaces the column of a target
// that failed, was late or has no time yet.
func (s Screen) strip() []string {
	targets := s.Overview.Targets[:min(len(s.Overview.Targets), max(s.Width-2, 1), 200)]
	if len(targets) == 0 {
		return []string{muted.Render("Each target block becomes a column here.")}
	}
	highest := int64(1)
	count := map[string]int{}
	for _, t := range targets {
		highest = max(highest, targetTime(t))
		count[t.Outcome]++
	}
	var row strings.Builder
	for _, t := range slices.Backward(targets) {
		switch t.Outcome {
		case live.Failed:
			row.WriteString(bad.Render("✕"))
		case live.Rejected:
			row.WriteString(bad.Render("!"))
		case live.Late:
			row.WriteString(warn.Render("▼"))
		case live.Skipped:
			row.WriteString(muted.Render("–"))
		case live.Waiting:
			row.WriteString(muted.Render("·"))
		case live.Working:
			row.WriteString(accent.Render("●"))
		default:
			row.WriteRune(heights[targetTime(t)*int64(len(heights)-1)/highest])
		}
	}
	parts := []string{}
	for _, outcome := range []string{live.Accepted, live.Done, live.Late, live.Reporting, live.Failed, live.Rejected, live.Skipped, live.Waiting, live.Working} {
		if n := count[outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcomeText(outcome)))
		}
	}
	return []string{s.spread(fmt.Sprintf("Last %d targets", len(targets)), muted.Render("highest "+live.Span(highest))), row.String(), muted.Render(strings.Join(parts, ", "))}
}

// targetTime returns the time of a target's column, in ms.
func targetTime(t live.Target) int64 {
	if t.ProvingMS > 0 {
		return t.ProvingMS
	}
	return t.WorkMS
}

// outcomeText returns an outcome for people.
func outcomeText(outcome string) string {
	if outcome == live.Working {
		return "at work"
	}
	return outcome
}

// score returns the line about the score, or none.
func (s Screen) score() []string {
	if s.Overview.Score == nil {
		return nil
	}
	r := s.Overview.Score.Report
	text := fmt.Sprintf("Score  %s of %s in under %s, the bar is %d %%", strong.Render(fmt.Sprintf("%.2f %%", r.Week.Performance)), live.Grouped(r.Week.Blocks), live.Limit(r.Rules.ThresholdMS), r.Rules.PerformanceBar)
	if f := r.Forecast; f != nil {
		text += muted.Render(fmt.Sprintf("; Monday %.1f to %.1f %%, %s may miss", f.PerformanceLow, f.PerformanceHigh, live.Grouped(max(0, f.SlowLeft))))
	}
	return []string{text}
}

// attention returns at most four lines about open alerts, endpoints that are not usable,
// and open failures.
func (s Screen) attention() []string {
	var lines []string
	for _, a := range s.Overview.Alerts {
		if a.Until.IsZero() {
			mark := warn.Render("▲")
			if a.Level == live.LevelError {
				mark = bad.Render("✕")
			}
			lines = append(lines, s.spread(mark+" "+printable(a.Title), muted.Render(s.ago(a.Since))))
		}
	}
	for _, e := range s.services() {
		if !e.Usable {
			lines = append(lines, warn.Render("▲")+" Endpoint "+printable(e.Name)+" of "+printable(e.stage)+": "+muted.Render(printable(e.reason())))
		}
	}
	for _, f := range s.Overview.Failures {
		if f.Open && len(lines) < 4 {
			lines = append(lines, bad.Render("✕")+" "+live.Grouped(f.Number)+" in "+printable(f.Stage)+": "+muted.Render(printable(f.Reason)))
		}
	}
	return lines[:min(len(lines), 4)]
}
