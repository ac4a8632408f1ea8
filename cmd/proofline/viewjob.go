package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// writeJob prints one job with its stages and reports.
func writeJob(w io.Writer, j status.Job, now time.Time, paint painter) error {
	place := ""
	if j.Orphaned {
		place = paint.bad(" (orphaned: another block of this number is on the chain)")
	}
	fmt.Fprintf(w, "%s %s%s\n", paint.bold(fmt.Sprintf("block %d", j.Block.Number)), j.Block.Hash, place)
	fmt.Fprintf(w, "  job %s, %s %s", j.ID, j.Origin, j.Created.Local().Format(time.DateTime))
	if !j.Finished.IsZero() {
		fmt.Fprintf(w, ", %s after %s", j.State, span(j.Finished.Sub(j.Created)))
	} else {
		fmt.Fprintf(w, ", %s", waitText(j, now))
		if j.Stage != "" {
			fmt.Fprintf(w, " at %s", j.Stage)
		}
	}
	if j.Announced != "" {
		fmt.Fprintf(w, ", announced as %s", j.Announced)
	}
	fmt.Fprintln(w)
	if j.Reason != "" {
		fmt.Fprintf(w, "  %s\n", paint.bad(text.Line(j.Reason, 1000)))
	}
	if j.Unreported != "" {
		remedy := ""
		if slices.ContainsFunc(j.Unsettled(), func(d status.Unsettled) bool { return d.State != status.ReportWaiting }) {
			remedy = fmt.Sprintf("; proofline report %d sends it once more", j.Block.Number)
		}
		fmt.Fprintf(w, "  %s%s\n", paint.bad(text.Line(j.Unreported, 1000)), remedy)
	}
	t := newTable("  STAGE", "STATE", ">TRIES", ">BEGAN", ">TOOK", ">WORK", "OUTPUT")
	for _, s := range j.Stages {
		began, took, work := dash, dash, dash
		if !s.Started.IsZero() {
			began = "+" + span(s.Started.Sub(j.Created))
		}
		if s.Duration() > 0 {
			took = span(s.Duration())
		}
		if s.WorkTime > 0 {
			work = span(s.WorkTime)
		}
		var outputs []string
		for _, a := range s.Outputs {
			outputs = append(outputs, fmt.Sprintf("%s %s", a.Name, size(a.Size)))
		}
		t.add("  "+s.Stage, s.State, fmt.Sprint(s.Attempt), began, took, work, orDash(strings.Join(outputs, ", ")))
	}
	if err := t.write(w); err != nil {
		return err
	}
	for _, s := range j.Stages {
		if s.Error != "" {
			fmt.Fprintf(w, "  %s: %s\n", s.Stage, paint.bad(text.Line(s.Error, 1000)))
		}
	}
	if len(j.Reports) == 0 {
		return nil
	}
	t = newTable("  REPORT", "TO", "STATE", ">TRIES", "AT", "")
	for _, r := range j.Reports {
		at := dash
		if !r.At.IsZero() {
			at = r.At.Local().Format(time.DateTime)
		}
		t.add("  "+string(r.Kind), r.Reporter, r.State, fmt.Sprint(r.Tries), at, text.Line(reportRemark(r), 200))
	}
	return t.write(w)
}

// reportRemark returns why a report was not sent, or the facts of the reporter's answer:
// the outcome first, then the others by name.
func reportRemark(r status.Report) string {
	if r.Error != "" {
		return r.Error
	}
	var parts []string
	if outcome := r.Facts[contract.FactOutcome]; outcome != "" {
		parts = append(parts, outcome)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Facts)) {
		if name != contract.FactOutcome {
			parts = append(parts, name+" "+r.Facts[name])
		}
	}
	return strings.Join(parts, ", ")
}
