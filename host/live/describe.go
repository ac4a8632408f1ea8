package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// fillStages fills in the state of the stages, the outbox and the block that is worked
// on.
func (m *Model) fillStages(o *Overview, snap status.Snapshot, now time.Time) {
	byJob := map[string]status.Job{}
	for _, j := range snap.Jobs {
		byJob[j.ID] = j
	}
	withReports := []string{}
	for i, s := range snap.Stages {
		card := &o.Stages[i]
		card.Queue, card.Restarts, card.Memory, card.Done, card.Failed = s.QueueLength, s.Restarts, m.memory[s.PID], s.Processed, s.Failed
		card.QueuedSince, card.Running, card.Endpoints = s.QueuedSince.UTC(), len(s.Running), s.Endpoints
		card.State, card.Doing = m.activity(s, snap)
		if card.State == "paused" {
			card.Since = s.PausedSince.UTC()
		} else if card.State == "down" || card.State == "starting" {
			card.Since = s.Since.UTC()
		}
		if s.Kind == contract.KindReporter && s.QueueLength > 0 {
			o.Outbox.Waiting += s.QueueLength
			withReports = append(withReports, s.Name)
		}
	}
	o.Outbox.Text = "nothing is owed"
	if len(withReports) > 0 {
		o.Outbox.Text = "for " + strings.Join(withReports, ", ")
	}
	o.Proving = m.proving(snap, byJob, o.Fit)
}

// activity returns the state of a stage and a text about what it does now.
func (m *Model) activity(s status.Stage, snap status.Snapshot) (state, text string) {
	switch {
	case s.State == status.StageStarting:
		return "starting", cmp.Or(s.Note, "starts")
	case s.State == status.StageBackoff || s.State == status.StageQuarantined || s.State == status.StageStopped:
		return "down", cmp.Or(s.Error, string(s.State))
	case s.State == status.StageUnavailable:
		return "down", cmp.Or(s.Error, "not available")
	case s.Paused != "":
		return "paused", s.Paused
	}
	if len(s.Running) > 0 {
		oldest := slices.MinFunc(s.Running, func(a, b status.Attempt) int { return a.Since.Compare(b.Since) })
		number := Grouped(oldest.Number)
		text = map[contract.Kind]string{
			contract.KindSource: "fetches " + number, contract.KindBuilder: "builds " + number, contract.KindProver: "proves " + number,
			contract.KindReporter: "sends “" + oldest.Phase + "” of " + number,
		}[s.Kind]
		if s.Kind == contract.KindProver && !s.MakesProof && !s.Shadow {
			text = "checks " + number
		}
		if n := len(s.Running) - 1; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		if oldest.Stuck {
			return "stuck", text + ", for longer than stuck_after"
		}
		return "running", text
	}
	if s.Kind == contract.KindSource {
		switch {
		case snap.Head == 0:
			return "waiting", "waits for the first head"
		case s.QueueLength > 0:
			return "waiting", Grouped(s.QueueLength) + " blocks wait to be fetched"
		}
		return "running", "follows the head"
	}
	if s.QueueLength > 0 {
		next := ""
		if len(s.Queue) > 0 {
			next = ", next " + Grouped(s.Queue[0])
		}
		return "waiting", fmt.Sprintf("%s wait%s", Grouped(s.QueueLength), next)
	}
	if s.Processed == 0 {
		return "idle", cmp.Or(s.Note, "ready")
	}
	return "idle", m.lastWork(s)
}

// lastWork returns a text about the last work of an idle stage.
func (m *Model) lastWork(s status.Stage) string {
	var job string
	var last work
	for id, w := range m.window.stages[s.Name] {
		if w.ended.After(last.ended) {
			job, last = id, w
		}
	}
	t, known := m.window.targets[job]
	switch {
	case !known && s.Kind == contract.KindReporter:
		return "idle; " + Grouped(s.Processed) + " reports sent"
	case !known:
		return "idle; " + Grouped(s.Processed) + " done"
	}
	verb := map[contract.Kind]string{contract.KindBuilder: "built", contract.KindProver: "proved", contract.KindReporter: "reported"}[s.Kind]
	if s.Kind == contract.KindProver && !s.MakesProof && !s.Shadow {
		verb = "passed"
	}
	return fmt.Sprintf("idle; %s %s in %s", verb, Grouped(t.Number), Span(last.took.Milliseconds()))
}

// proving describes the block that the proof stage works on. If it works on none, it
// describes the oldest attempt of another builder or prover; nil if there is none.
func (m *Model) proving(snap status.Snapshot, jobs map[string]status.Job, fit *Fit) *Proving {
	var stage *status.Stage
	var attempt status.Attempt
	for i, s := range snap.Stages {
		if s.Kind != contract.KindBuilder && s.Kind != contract.KindProver || s.Shadow || len(s.Running) == 0 {
			continue
		}
		oldest := slices.MinFunc(s.Running, func(a, b status.Attempt) int { return a.Since.Compare(b.Since) })
		if stage == nil || s.MakesProof && !stage.MakesProof || s.MakesProof == stage.MakesProof && oldest.Since.Before(attempt.Since) {
			stage, attempt = &snap.Stages[i], oldest
		}
	}
	if stage == nil {
		return nil
	}
	j, known := jobs[attempt.Job]
	if !known {
		return nil
	}
	p := &Proving{
		Target: Describe(j, m.limit.Load()), CountedSince: attempt.Since.UTC(), LimitMS: m.limit.Load(), Stage: stage.Name, Step: cmp.Or(attempt.Note, phaseText(attempt.Phase), "at work"),
		Fraction: attempt.Fraction, Marks: []Mark{},
	}
	if attempt.Phase != "" && attempt.Note != "" {
		p.Step = phaseText(attempt.Phase) + ": " + attempt.Note
	}
	p.Outcome = Working
	mark := func(name string, t time.Time) {
		if !t.IsZero() {
			p.Marks = append(p.Marks, Mark{name, since(p.Time, t)})
		}
	}
	mark("seen", j.Created)
	for _, s := range j.Stages {
		switch {
		case s.Shadow:
		case s.Stage == stage.Name:
			mark(s.Stage+" began", attempt.Since)
		case s.State == "done":
			mark(s.Stage, s.Ended)
			if s.Kind == contract.KindBuilder {
				p.CountedMS += s.WorkTime.Milliseconds()
			}
		}
	}
	if fit != nil && stage.MakesProof && p.Gas > 0 {
		predicted := fit.at(p.Gas)
		p.PredictedMS = int64(max(0, predicted))
		p.LowMS, p.HighMS = int64(max(0, predicted-2*fit.MedianMS)), int64(max(0, predicted+fit.P95MS))
	}
	return p
}

// phaseText makes a phase's name readable: GENERATING_PROOFS is "generating proofs".
func phaseText(phase string) string {
	return strings.ToLower(strings.ReplaceAll(phase, "_", " "))
}

// summarize fills in the state of the whole pipeline, with a title and a sentence.
func (m *Model) summarize(o *Overview, snap status.Snapshot, conditions []Condition) {
	p := &o.Pipeline
	host := m.Overview().Pipeline.Host
	*p = Pipeline{
		Name: snap.Pipeline, Host: host, Version: snap.Version, Started: snap.Started.UTC(), Select: selectionText(m.cfg.Selection),
		File: snap.File, Recorded: m.source.Recorded(), Active: snap.Counts.Active,
	}
	if len(o.Targets) > 0 {
		for _, j := range append(slices.Clip(snap.Recent), snap.Jobs...) {
			p.ChainID = j.Block.ChainID
		}
	}
	p.Network = network(p.ChainID)
	starting := []string{}
	for _, s := range snap.Stages {
		p.Proves = p.Proves || s.MakesProof && !s.Shadow
		if s.State == status.StageStarting {
			starting = append(starting, s.Name)
		}
	}
	for _, t := range o.Targets {
		p.Reports = p.Reports || t.Outcome == Accepted || t.Outcome == Late || t.Outcome == Rejected || t.Outcome == Reporting
	}
	var serious, slight []Condition
	for _, c := range conditions {
		if c.Severity > 0 {
			serious = append(serious, c)
		} else {
			slight = append(slight, c)
		}
	}
	switch {
	case snap.Stopping:
		p.State, p.Word, p.Reason = Stopping, "Stopping", "No new work is begun; what runs is finished or queued again."
	case len(serious) > 0:
		p.State, p.Word, p.Reason = Degraded, "Degraded", sentence(serious[0].Text)
		if serious[0].Severity == SeverityUnhealthy {
			p.Word = "Unhealthy"
		}
		if n := len(serious) - 1; n > 0 {
			p.Reason += fmt.Sprintf(" %d more need attention.", n)
		}
	case snap.Draining:
		p.State, p.Word, p.Reason = Stopping, "Draining", "No new blocks are taken in; the pipeline ends when those that it has are finished."
	case len(starting) > 0 || len(snap.Stages) == 0:
		p.State, p.Word, p.Reason = Starting, "Starting", "Waits for "+strings.Join(starting, ", ")+"."
		if len(starting) == 0 {
			p.Reason = "The stages are being started."
		}
	case len(o.Targets) == 0:
		p.State, p.Word = Starting, "Waiting for the first target"
		p.Reason = fmt.Sprintf("All %d stages are ready.", len(snap.Stages))
		if o.Chain.Next > 0 {
			p.Reason += " The first target is block " + Grouped(o.Chain.Next) + "."
		}
	default:
		p.State, p.Word, p.Reason = Running, "Running", m.prospect(o)
		if len(slight) > 0 {
			p.Reason += " " + sentence(slight[0].Title)
		}
	}
}

// prospect returns a sentence on whether the present block will be proved in time.
func (m *Model) prospect(o *Overview) string {
	p := o.Proving
	switch {
	case p != nil && p.PredictedMS >= p.LimitMS:
		return fmt.Sprintf("Block %s will take about %s, more than %s: it will count as proved, not as in time.", Grouped(p.Number), Span(p.PredictedMS), Limit(p.LimitMS))
	case p != nil && p.PredictedMS > 0:
		return fmt.Sprintf("Block %s will be proved in time.", Grouped(p.Number))
	case p != nil:
		return fmt.Sprintf("Stage %s works on block %s.", p.Stage, Grouped(p.Number))
	case o.Chain.Next > 0:
		return fmt.Sprintf("Everything is ready for block %s.", Grouped(o.Chain.Next))
	}
	return "Everything is ready."
}

// sentence makes a sentence of a clause: upper case first, with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	r := []rune(text)
	out := strings.ToUpper(string(r[:1])) + string(r[1:])
	if !strings.HasSuffix(out, ".") {
		out += "."
	}
	return out
}
