package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// writeSnapshot prints the state of a pipeline for people.
func writeSnapshot(w io.Writer, snap status.Snapshot, paint painter) error {
	now := snap.Time
	state := fmt.Sprintf("running, pid %d, up %s", snap.PID, span(now.Sub(snap.Started)))
	switch {
	case snap.PID == 0 && !snap.Started.IsZero():
		state = "not running; the last run began " + snap.Started.Local().Format(time.DateTime)
	case snap.PID == 0:
		state = "not running"
	case snap.Stopping:
		state = fmt.Sprintf("stopping, pid %d", snap.PID)
	}
	head := ""
	if snap.Head > 0 {
		head = fmt.Sprintf(", head %d", snap.Head)
	}
	fmt.Fprintf(w, "%s: %s%s\n", paint.bold(snap.Pipeline), state, head)
	if snap.Trouble != "" {
		fmt.Fprintln(w, paint.bad(snap.Trouble))
	}
	counts := []string{fmt.Sprintf("%d active", snap.Counts.Active)}
	for _, c := range []struct {
		n     int
		label string
	}{{snap.Counts.Done, "done"}, {snap.Counts.Failed, "failed"}, {snap.Counts.Dropped, "dropped"}, {snap.Counts.Cancelled, "cancelled"}} {
		if c.n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", c.n, c.label))
		}
	}
	if pending := unsentReports(snap.Stages); pending > 0 {
		counts = append(counts, plural(pending, "report")+" not sent yet")
	}
	fmt.Fprintf(w, "blocks: %s\n", strings.Join(counts, ", "))

	if len(snap.Stages) > 0 {
		fmt.Fprintln(w)
		if err := writeStages(w, snap.Stages, now, paint); err != nil {
			return err
		}
	}
	if len(snap.Jobs) > 0 {
		fmt.Fprintln(w)
		t := newTable(">WAITING", "HASH", "STAGE", "STATE", ">FOR")
		const limit = 20
		for _, j := range snap.Jobs[:min(limit, len(snap.Jobs))] {
			t.add(fmt.Sprint(j.Block.Number), shortHash(j.Block.Hash), orDash(j.Stage), waitText(j, now), span(now.Sub(j.Created)))
		}
		if err := t.write(w); err != nil {
			return err
		}
		if more := len(snap.Jobs) - limit; more > 0 {
			fmt.Fprintf(w, "and %d more\n", more)
		}
	}
	if len(snap.Recent) > 0 {
		fmt.Fprintln(w)
		return jobsTable(snap.Recent[:min(10, len(snap.Recent))], now).write(w)
	}
	return nil
}

// unsentReports counts the events that wait at the reporters.
func unsentReports(stages []status.Stage) (n int) {
	for _, s := range stages {
		if s.Kind == contract.KindReporter {
			n += s.QueueLength
		}
	}
	return n
}

func writeStages(w io.Writer, stages []status.Stage, now time.Time, paint painter) error {
	t := newTable("STAGE", "KIND", "PLUGIN", ">PID", "STATE", ">QUEUE", ">DONE", ">FAILED", "RUNNING")
	for _, s := range stages {
		pid := dash
		if s.PID > 0 {
			pid = fmt.Sprint(s.PID)
		}
		state := string(s.State)
		if long := now.Sub(s.Since); s.State == status.StageStarting && !s.Since.IsZero() && long > 5*time.Second {
			state += " for " + span(long)
		}
		if s.Restarts > 0 {
			state += fmt.Sprintf(" (%s)", plural(s.Restarts, "restart"))
		}
		var running []string
		for _, a := range s.Running {
			running = append(running, attemptText(a, now))
		}
		t.add(s.Name, string(s.Kind), strings.TrimSpace(s.Plugin+" "+s.Version), pid, state,
			fmt.Sprint(len(s.Queue)), fmt.Sprint(s.Processed), fmt.Sprint(s.Failed), orDash(strings.Join(running, "; ")))
	}
	if err := t.write(w); err != nil {
		return err
	}
	for _, s := range stages {
		for _, line := range []struct{ text, painted string }{
			{s.Note, text.Line(s.Note, 200)}, {s.Paused, paint.bad("paused: " + text.Line(s.Paused, 400))}, {s.Error, paint.bad(text.Line(s.Error, 400))},
		} {
			if line.text != "" {
				fmt.Fprintf(w, "  %s: %s\n", s.Name, line.painted)
			}
		}
	}
	return nil
}

// attemptText describes a running attempt: "24647100 GENERATING_PROOFS 42% 1m03s".
func attemptText(a status.Attempt, now time.Time) string {
	parts := []string{fmt.Sprint(a.Number)}
	if a.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("try %d", a.Attempt))
	}
	if a.Phase != "" {
		parts = append(parts, a.Phase)
	}
	if a.Fraction > 0 {
		parts = append(parts, fmt.Sprintf("%.0f%%", 100*min(a.Fraction, 1)))
	}
	parts = append(parts, span(now.Sub(a.Since)))
	if a.Stuck {
		parts = append(parts, "STUCK?")
	}
	return strings.Join(parts, " ")
}

func waitText(j status.Job, now time.Time) string {
	if wait := j.NotBefore.Sub(now); j.State == status.JobWaiting && !j.NotBefore.IsZero() && wait > 0 {
		return "again in " + span(wait)
	}
	return string(j.State)
}

// jobsTable returns a table of jobs: the block, the sizes of its witness and its guest
// input, the time of the last attempt of each stage in a column of the stage's name, and
// the outcome.
func jobsTable(jobs []status.Job, now time.Time) *table {
	var stages []string // of all jobs, in pipeline order
	for _, j := range jobs {
		at := 0
		for _, s := range j.Stages {
			if s.Kind == contract.KindReporter {
				continue
			}
			if i := slices.Index(stages, s.Stage); i >= 0 {
				at = i + 1
				continue
			}
			stages = slices.Insert(stages, at, s.Stage)
			at++
		}
	}
	head := []string{">BLOCK", "HASH", ">TXS", ">GAS", ">WITNESS", ">INPUT"}
	for _, s := range stages {
		head = append(head, ">"+s)
	}
	t := newTable(append(head, "OUTCOME")...)
	for _, j := range jobs {
		row := []string{fmt.Sprint(j.Block.Number), shortHash(j.Block.Hash), blockFact(j, contract.FactTxCount, uint64(j.Block.TxCount)),
			grouped(blockFact(j, contract.FactGasUsed, j.Block.GasUsed)), artifactSize(j, contract.ArtifactWitness), artifactSize(j, contract.ArtifactInput)}
		for _, name := range stages {
			cell := dash
			if i := slices.IndexFunc(j.Stages, func(s status.JobStage) bool { return s.Stage == name }); i >= 0 && !j.Stages[i].Started.IsZero() && !j.Stages[i].Ended.IsZero() {
				cell = span(j.Stages[i].Duration())
			}
			row = append(row, cell)
		}
		t.add(append(row, outcomeText(j))...)
	}
	return t
}

// blockFact returns a property of the block: the fact that a stage has reported, or the
// value that the source gave with the block.
func blockFact(j status.Job, name string, known uint64) string {
	for _, s := range j.Stages {
		if v := s.Facts[name]; v != "" {
			return v
		}
	}
	if known == 0 && j.Block.Time.IsZero() {
		return dash
	}
	return fmt.Sprint(known)
}

// artifactSize returns the size of the newest artifact with a name.
func artifactSize(j status.Job, name string) string {
	text := dash
	for _, s := range j.Stages {
		for _, a := range s.Outputs {
			if a.Name == name {
				text = size(a.Size)
			}
		}
	}
	return text
}

// outcomeText returns the state of a job with its reason and failed reports.
func outcomeText(j status.Job) string {
	state := string(j.State)
	switch {
	case j.Unreported != "":
		return text.Line(j.Unreported, 140)
	case j.Reason != "":
		state += ": " + text.Line(j.Reason, 100)
	case !j.State.Finished() && j.Stage != "":
		state += " at " + j.Stage
	}
	if failed := slices.IndexFunc(j.Reports, func(r status.Report) bool { return r.State == status.ReportRejected || r.State == status.ReportExpired }); failed >= 0 {
		r := j.Reports[failed]
		state += fmt.Sprintf("; %s of %s %s", r.Kind, r.Reporter, r.State)
	}
	return state
}

func shortHash(h contract.Hash) string {
	if h.IsZero() {
		return dash
	}
	return "0x" + h.Short()
}

func orDash(text string) string {
	if text == "" {
		return dash
	}
	return text
}

// painter colours text for a terminal. The zero value returns text unchanged.
type painter bool

// paint returns a painter that colours if w is a terminal and NO_COLOR is not set
// (no-color.org).
func (c commands) paint(w io.Writer) painter {
	unwanted, _ := c.LookupEnv("NO_COLOR")
	return painter(isTerminal(w) && unwanted == "")
}

func (p painter) bold(text string) string { return p.wrap("1", text) }
func (p painter) bad(text string) string  { return p.wrap("31", text) }

func (p painter) wrap(code, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
