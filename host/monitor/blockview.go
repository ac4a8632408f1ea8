package monitor

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/sdk/contract"
)

// blockView is the data of the page of one block number. It shows the job on the chain and
// lists the other jobs of the number.
type blockView struct {
	Known     bool
	Job       jobAnswer
	Icon      string
	Class     string
	Word      string
	Summary   string
	Figures   [][3]string // label, value, text below the value
	At        string
	Ago       figure
	Links     [][2]string
	Orphans   []string
	Failure   *live.Failure
	Ticks     []tick
	Rows      []wayRow
	Counted   string
	CountedOf string
	Rest      string
	RestOf    string
	Attempts  []attemptRow
	Reports   []reportRow
	Artifacts []artifactRow
	Folder    string
	Open      bool // not finished, so that the page reloads
}

type tick struct{ At, Text, Anchor string }

type wayRow struct {
	Stage, Name, Note, Start, Took, Class, X, Width string
}

type attemptRow struct {
	Stage, Number, Start, Took, Icon, Class, Result, Reason string
	Log                                                     string
	Lines                                                   int
}

type reportRow struct{ Reporter, Kind, Sent, Tries, Icon, Class, Answer string }

type artifactRow struct{ Stage, Name, Size, Sum string }

// viewOf returns the view of a block number. jobs are its jobs, the one on the chain first.
// logs are the logs of failed attempts by logKey.
func viewOf(number uint64, jobs []jobAnswer, o live.Overview, logs map[string]string) *blockView {
	v := &blockView{Icon: "info", Word: "unknown", Summary: "This pipeline has not worked on block " + live.Grouped(number) + "."}
	if number > o.Chain.Head && o.Chain.Head > 0 {
		v.Summary = "The chain has not come to block " + live.Grouped(number) + " yet."
	}
	if len(jobs) == 0 {
		return v
	}
	j := jobs[0]
	t := j.Target
	style := outcomes[t.Outcome]
	v.Known, v.Job, v.Icon, v.Word, v.Class = true, j, style[0], style[1], style[2]
	if v.Class == "" {
		v.Class = "ok"
	}
	v.Open = !j.State.Finished() || t.Outcome == live.Reporting
	if f, failed := live.FailureOf(j.Job, t); failed {
		v.Failure = &f
	}
	v.At, v.Ago = t.Time.Format("2006-01-02 15:04:05")+" UTC", agoFigure(time.Now(), t.Time)
	for _, other := range jobs[1:] {
		v.Orphans = append(v.Orphans, fmt.Sprintf("%s… %s", other.Target.Hash[:10], other.State))
	}
	v.links()
	v.summarize(o)
	v.waterfall()
	v.lists(logs)
	return v
}

// links fills in the links to other sites.
func (v *blockView) links() {
	b := v.Job.Block
	switch b.ChainID {
	case 1:
		v.Links = [][2]string{{"Etherscan", fmt.Sprintf("https://etherscan.io/block/%d", b.Number)}, {"EthProofs", fmt.Sprintf("https://ethproofs.org/blocks/%d", b.Number)}}
	case 11155111:
		v.Links = [][2]string{{"Etherscan", fmt.Sprintf("https://sepolia.etherscan.io/block/%d", b.Number)}}
	case 560048:
		v.Links = [][2]string{{"Etherscan", fmt.Sprintf("https://hoodi.etherscan.io/block/%d", b.Number)}}
	}
}

// summarize fills in the summary and the figures.
func (v *blockView) summarize(o live.Overview) {
	t, way := v.Job.Target, v.Job.Way
	v.Summary = map[string]string{
		live.Accepted: "Accepted", live.Late: "Accepted, but not within the limit", live.Done: "Through every stage", live.Reporting: "Proved; its report waits",
		live.Failed: "Given up", live.Rejected: "Proved, but its report was rejected", live.Skipped: "Left out", live.Working: "At work", live.Waiting: "Waits",
	}[t.Outcome]
	if t.Attempts > 1 {
		v.Summary += fmt.Sprintf(" in attempt %d", t.Attempts)
	}
	if t.Remark != "" {
		v.Summary += ": " + t.Remark
	}
	v.Summary += "."
	total := [3]string{"Block to acceptance", dash(t.TotalMS), "not accepted"}
	if t.TotalMS > 0 {
		total[2] = "accepted " + hms(t.Time.Add(time.Duration(t.TotalMS)*time.Millisecond)) + " UTC"
		if t.Outcome == live.Done {
			total[0], total[2] = "Block to done", "done "+hms(t.Ended)+" UTC"
		}
	}
	proving := [3]string{"Proving time (counted)", dash(t.ProvingMS), "no proof"}
	if s := o.Score; t.ProvingMS > 0 && s != nil {
		side := "under"
		if t.ProvingMS >= s.Rules.ThresholdMS {
			side = "over"
		}
		proving[2] = side + " the limit of " + live.Limit(s.Rules.ThresholdMS)
	}
	predicted := [3]string{"Predicted from gas", "–", "a line needs 20 proofs of a day"}
	if f := o.Fit; f != nil && t.Gas > 0 {
		ms := int64(f.BaseMS + f.PerMgasMS*float64(t.Gas)/1e6)
		predicted[1], predicted[2] = live.Span(ms), fmt.Sprintf("%s + %s per Mgas", live.Span(int64(f.BaseMS)), live.Span(int64(f.PerMgasMS)))
		if t.ProvingMS > 0 {
			sign, d := "+", t.ProvingMS-ms
			if d < 0 {
				sign, d = "−", -d
			}
			predicted[2] = sign + live.Span(d) + " against it"
		}
	}
	cycles := "–"
	for _, s := range v.Job.Stages {
		if c := s.Facts[contract.FactCycles]; c != "" && !s.Shadow {
			cycles = c
			if n, err := strconv.ParseFloat(c, 64); err == nil {
				cycles = fixed(n/1e6, 1) + " M"
			}
		}
	}
	v.Figures = [][3]string{
		total, proving, predicted,
		{"Gas", mgas(t.Gas), live.Grouped(t.Txs) + " transactions"},
		{"Cycles", cycles, map[bool]string{true: "in the first attempt", false: fmt.Sprintf("attempt %d", t.Attempts)}[t.Attempts < 2]},
	}
	v.Counted, v.Rest = live.Span(way.CountedMS), live.Span(way.UncountedMS)
	var counted, rest []string
	for _, s := range way.Steps {
		part := live.Span(s.Took()) + " " + s.Name
		switch s.Kind {
		case live.Counted:
			counted = append(counted, part)
		case live.Uncounted:
			rest = append(rest, part)
		}
	}
	v.CountedOf, v.RestOf = cmp.Or(strings.Join(counted, " + "), "no proof: nothing is counted"), strings.Join(rest, " + ")
}

// waterfall fills in the steps of the block's way on a scale with up to eleven ticks.
func (v *blockView) waterfall() {
	way := v.Job.Way
	end := way.TotalMS
	for _, s := range way.Steps {
		end = max(end, s.To)
	}
	step := int64(1)
	for _, s := range []int64{50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 3_600_000, 21_600_000, 86_400_000, 7 * 86_400_000} {
		if step = s; end <= 10*s {
			break
		}
	}
	scale := max(step, (end+step-1)/step*step)
	percent := func(ms int64) string { return fmt.Sprintf("%.3f%%", 100*float64(ms)/float64(scale)) }
	for at := int64(0); at <= scale; at += step {
		anchor := "middle"
		switch at {
		case 0:
			anchor = "start"
		case scale:
			anchor = "end"
		}
		v.Ticks = append(v.Ticks, tick{percent(at), tickText(at), anchor})
	}
	for _, s := range way.Steps {
		class := map[string]string{live.Counted: "w-c", live.Uncounted: "w-u", live.Broken: "w-f", live.Beside: "w-g"}[s.Kind]
		v.Rows = append(v.Rows, wayRow{
			Stage: s.Stage, Name: s.Name, Note: s.Note, Start: "+" + live.Span(s.From), Took: live.Span(s.Took()), Class: class,
			X: percent(s.From), Width: fmt.Sprintf("%.3f%%", max(0.25, 100*float64(s.Took())/float64(scale))),
		})
	}
}

// tickText formats a duration in ms without unnecessary decimals.
func tickText(ms int64) string {
	switch {
	case ms == 0:
		return "0"
	case ms < 1000:
		return fmt.Sprintf("%d ms", ms)
	case ms < 60_000:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(ms)/1000), ".0") + " s"
	}
	return strings.TrimSuffix(strings.TrimSuffix(live.Long(ms/1000), " 0 s"), " 0 min")
}

// lists fills in the attempts, the artifacts and the reports.
func (v *blockView) lists(logs map[string]string) {
	j := v.Job
	origin := j.Target.Time
	at := func(t time.Time) string {
		if t.IsZero() {
			return "–"
		}
		return "+" + live.Span(max(0, t.Sub(origin).Milliseconds()))
	}
	for _, s := range j.Stages {
		if s.Attempt == 0 && s.Error == "" {
			continue
		}
		for n := uint32(1); n < s.Attempt; n++ {
			if text := logs[logKey(j.ID, s.Stage, n)]; text != "" {
				v.Attempts = append(v.Attempts, attemptRow{Stage: s.Stage, Number: fmt.Sprint(n), Start: "–", Took: "–", Icon: "error", Class: "bad", Result: "failed", Log: text, Lines: strings.Count(text, "\n")})
			}
		}
		row := attemptRow{Stage: s.Stage, Number: fmt.Sprint(s.Attempt), Start: at(s.Started), Took: dash(s.Duration().Milliseconds()), Icon: "waiting", Class: "m", Result: s.State}
		switch s.State {
		case "done":
			row.Icon, row.Class = "done", "ok"
		case "failed":
			row.Icon, row.Class = "error", "bad"
			row.Result += ", " + string(s.Class)
		case "running":
			row.Icon, row.Class = "running", "acc"
		}
		if s.State != "done" {
			row.Reason = s.Error
		}
		row.Log = logs[logKey(j.ID, s.Stage, s.Attempt)]
		row.Lines = strings.Count(row.Log, "\n")
		v.Attempts = append(v.Attempts, row)
		for _, a := range s.Outputs {
			v.Artifacts = append(v.Artifacts, artifactRow{s.Stage, a.Name, size(a.Size), fmt.Sprintf("%x", a.SHA256)})
		}
	}
	for _, r := range j.Reports {
		row := reportRow{Reporter: r.Reporter, Kind: string(r.Kind), Sent: at(r.At), Tries: fmt.Sprint(r.Tries), Icon: "waiting", Class: "warn", Answer: cmp.Or(r.Error, r.State)}
		switch r.State {
		case "sent":
			row.Icon, row.Class, row.Answer = "done", "ok", cmp.Or(r.Facts[contract.FactOutcome], "sent")
		case "rejected", "expired":
			row.Icon, row.Class = "error", "bad"
		}
		v.Reports = append(v.Reports, row)
	}
	v.Folder = fmt.Sprintf("output/%d/", j.Block.Number)
}
