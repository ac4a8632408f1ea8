package top

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/proofline/proofline/host/live"
)

// barWidth is the width of the bar in a Line, in columns.
const barWidth = 20

// Line returns one line of at most width columns, without colours: the block at work and
// when it will be done, or the next target. It is empty if there is neither.
func Line(o live.Overview, now time.Time, width int) string {
	var parts []string
	switch p := o.Proving; {
	case p != nil:
		elapsed := p.CountedMS
		if !p.CountedSince.IsZero() {
			elapsed += max(0, now.Sub(p.CountedSince).Milliseconds())
		}
		share, left := p.Fraction, ""
		if p.PredictedMS > 0 { // better than the plugin's own fraction, which is not a share of the time
			share = min(float64(elapsed)/float64(p.PredictedMS), 1)
			if wait := p.PredictedMS - elapsed; wait > 0 {
				left = ", about " + live.Long((wait+999)/1000) + " to go"
			}
		}
		bar := ""
		if share >= 0 {
			filled := int(min(share, 1) * barWidth)
			bar = strings.Repeat("━", filled) + strings.Repeat("─", barWidth-filled)
		}
		parts = append(parts, join("  ", fmt.Sprintf("%s %s", printable(p.Stage), live.Grouped(p.Number)), bar, live.Span(elapsed)+left))
	case o.Chain.Next > 0 && o.Pipeline.State == live.Running:
		text := "next target " + live.Grouped(o.Chain.Next)
		if wait := o.Chain.NextTime.Sub(now); !o.Chain.NextTime.IsZero() && wait > 0 {
			text += " in about " + live.Long(int64(wait.Seconds()))
		}
		parts = append(parts, text)
	case o.Pipeline.Word != "":
		parts = append(parts, printable(o.Pipeline.Word))
	}
	if waiting := o.Pipeline.Active - 1; waiting > 0 {
		parts = append(parts, fmt.Sprintf("%s more blocks at work or waiting", live.Grouped(waiting)))
	}
	if o.Outbox.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%s reports wait", live.Grouped(o.Outbox.Waiting)))
	}
	return ansi.Truncate(strings.Join(parts, " · "), max(width-1, 1), "…")
}
