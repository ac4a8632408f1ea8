package top

import (
	"fmt"
	"time"

	"github.com/proofline/proofline/host/live"
)

func (s Screen) stageList() []string {
	lines := []string{muted.Render(cell("STAGE", 14) + cell("KIND", 10) + cell("PLUGIN", 26) + cell("STATE", 10) + right("DONE", 9) + right("FAILED", 8) + right("QUEUE", 7) + right("RESTARTS", 10) + right("MEMORY", 9) + "  DOING")}
	for _, st := range s.Overview.Stages {
		kind := string(st.Kind)
		if st.Flag != "" {
			kind = st.Flag
		}
		lines = append(lines, strong.Render(cell(printable(st.Name), 14))+cell(kind, 10)+cell(printable(st.Plugin+" "+st.Version), 25)+" "+stageMarks[st.State]+" "+cell(st.State, 8)+
			right(live.Grouped(st.Done), 9)+right(live.Grouped(st.Failed), 8)+right(live.Grouped(st.Queue), 7)+right(live.Grouped(st.Restarts), 10)+right(memory(st.Memory), 9)+"  "+printable(st.Doing))
	}
	return lines
}

func (s Screen) blockList() []string {
	lines := []string{muted.Render(right("BLOCK", 11) + "  " + cell("TIME", 10) + cell("OUTCOME", 11) + right("GAS", 9) + right("PROVING", 11) + right("FROM BLOCK", 12) + right("TRIES", 7) + "  REMARK")}
	for _, t := range s.Overview.Targets {
		outcome := cell(outcomeText(t.Outcome), 11)
		switch t.Outcome {
		case live.Failed, live.Rejected:
			outcome = bad.Render(outcome)
		case live.Late:
			outcome = warn.Render(outcome)
		case live.Working:
			outcome = accent.Render(outcome)
		}
		lines = append(lines, right(live.Grouped(t.Number), 11)+"  "+cell(t.Time.Format(time.TimeOnly), 10)+outcome+right(fmt.Sprintf("%.1f M", float64(t.Gas)/1e6), 9)+
			right(spanOrDash(t.ProvingMS), 11)+right(spanOrDash(t.TotalMS), 12)+right(fmt.Sprint(t.Attempts), 7)+"  "+printable(t.Remark))
	}
	if len(lines) == 1 {
		lines = append(lines, muted.Render("No block has come yet."))
	}
	return lines
}

// spanOrDash formats a duration in ms, or a dash for 0.
func spanOrDash(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return live.Span(ms)
}

func (s Screen) failureList() []string {
	lines := []string{muted.Render("Blocks that failed or whose proof was refused, the open ones first")}
	for _, f := range s.Overview.Failures {
		mark := muted.Render("✓")
		if f.Open {
			mark = bad.Render("✕")
		}
		lines = append(lines, s.spread(mark+" "+strong.Render(live.Grouped(f.Number))+"  "+printable(join(", ", f.Stage, f.Class)), muted.Render(s.ago(f.At))), "  "+printable(f.Reason))
		if f.Open && f.Remedy+f.Command != "" {
			lines = append(lines, "  "+muted.Render(printable(f.Remedy))+" "+printable(f.Command))
		}
	}
	if len(lines) == 1 {
		lines = append(lines, good.Render("None."))
	}
	return lines
}

func (s Screen) logList() []string {
	lines := []string{muted.Render("The last lines of the log, the newest first")}
	for _, l := range s.Overview.Log {
		level := cell(l.Level, 8)
		switch l.Level {
		case "error":
			level = bad.Render(level)
		case "warning":
			level = warn.Render(level)
		default:
			level = muted.Render(level)
		}
		block := ""
		if l.Block > 0 {
			block = " " + muted.Render(live.Grouped(l.Block))
		}
		lines = append(lines, muted.Render(l.At.Format(time.TimeOnly))+" "+level+cell(printable(l.Stage), 11)+printable(l.Text)+block)
	}
	return lines
}
