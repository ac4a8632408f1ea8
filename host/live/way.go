package live

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Kinds of a step on a block's way.
const (
	Counted   = "counted"   // part of the proving time that is reported
	Uncounted = "uncounted" // waiting, transport, verification
	Beside    = "beside"    // not needed for the proof: gates, shadows
	Broken    = "failed"    // a failed attempt
)

// Step is a span of time on a block's way. Its times are since the block's timestamp.
type Step struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	Note  string `json:"note,omitempty"`
	Kind  string `json:"kind"`
	From  int64  `json:"from_ms"`
	To    int64  `json:"to_ms"`
}

// Took returns the length of the step in ms.
func (s Step) Took() int64 { return s.To - s.From }

// Way is how a block went from its timestamp to the acceptance of its proof. Its Counted
// and Uncounted steps follow each other without a gap, so that CountedMS and UncountedMS
// add up to TotalMS.
type Way struct {
	Steps       []Step `json:"steps"`
	CountedMS   int64  `json:"counted_ms"`
	UncountedMS int64  `json:"uncounted_ms"`
	TotalMS     int64  `json:"total_ms"`
}

// WayOf computes the way of a block from its job's record. after are the names of the
// stages that each stage needs. The record has the times of a stage's last attempt, so
// that the time before that is one step.
func WayOf(j status.Job, after map[string][]string) Way {
	origin := j.Block.Time
	if origin.IsZero() {
		origin = j.Created
	}
	w := &walk{origin: origin, stages: map[string]status.JobStage{}}
	for _, s := range j.Stages {
		w.stages[s.Stage] = s
	}
	path := w.path(after, j.Stages)
	w.addStep("", "until the source has seen it", "the block travels, and is polled", Uncounted, j.Created)
	if len(path) > 0 {
		w.way.Steps[0].Stage = path[0]
	}
	for _, name := range path {
		w.addStage(w.stages[name])
	}
	w.addReport(j, path)
	w.way.TotalMS = w.at
	for _, s := range w.way.Steps {
		if s.Kind == Counted {
			w.way.CountedMS += s.Took()
		} else {
			w.way.UncountedMS += s.Took()
		}
	}
	for _, s := range j.Stages {
		if !slices.Contains(path, s.Stage) && !s.Started.IsZero() && !s.Ended.IsZero() {
			kind, name := Beside, "beside the way"
			if s.State == "failed" {
				kind, name = Broken, "failed: "+cmp.Or(s.Error, "no reason given")
			}
			if s.Shadow {
				name += ", shadow"
			}
			from := w.ms(s.Started)
			w.way.Steps = append(w.way.Steps, Step{Stage: s.Stage, Name: name, Kind: kind, From: from, To: max(from, w.ms(s.Ended))})
		}
	}
	slices.SortStableFunc(w.way.Steps, func(a, b Step) int { return cmp.Compare(a.From, b.From) })
	return w.way
}

// walk is a Way that is being computed.
type walk struct {
	origin time.Time
	stages map[string]status.JobStage
	at     int64 // end of the last step, in ms since origin
	way    Way
}

// ms returns a time in ms since origin.
func (w *walk) ms(t time.Time) int64 { return max(0, t.Sub(w.origin).Milliseconds()) }

// addStep adds a step from the end of the last one to a time. It adds none if the time
// is not known or not later.
func (w *walk) addStep(stage, name, note, kind string, to time.Time) {
	if to.IsZero() {
		return
	}
	end := max(w.at, w.ms(to))
	if end > w.at || len(w.way.Steps) == 0 {
		w.way.Steps = append(w.way.Steps, Step{Stage: stage, Name: name, Note: note, Kind: kind, From: w.at, To: end})
	}
	w.at = end
}

// addStage adds the steps of one stage.
func (w *walk) addStage(s status.JobStage) {
	if s.Started.IsZero() {
		return
	}
	wait := "queue"
	if s.Attempt > 1 {
		wait = fmt.Sprintf("queue, %d earlier attempts and back-off", s.Attempt-1)
	}
	w.addStep(s.Stage, wait, "", Uncounted, s.Started)
	if s.Ended.IsZero() {
		return
	}
	if s.State == "failed" {
		w.addStep(s.Stage, fmt.Sprintf("attempt %d", s.Attempt), s.Error, Broken, s.Ended)
		return
	}
	name := map[contract.Kind]string{
		contract.KindSource: "fetch block and witness", contract.KindBuilder: "build input", contract.KindProver: "prove",
	}[s.Kind]
	counted := s.Kind == contract.KindBuilder || s.ProvingMS > 0
	if !counted || s.WorkTime <= 0 {
		w.addStep(s.Stage, name, "", Uncounted, s.Ended)
		return
	}
	available := s.Ended.Sub(s.Started)
	work := min(s.WorkTime, max(available, 0))
	note, rest := "its own figure", "start and commit"
	if s.Kind == contract.KindProver {
		note, rest = "the tool’s own figure", "start, verification and commit"
	}
	w.addStep(s.Stage, name, note, Counted, s.Started.Add(work))
	w.addStep(s.Stage, rest, "", Uncounted, s.Ended)
}

// addReport adds the step until the receiver of a reporter accepted the proof.
func (w *walk) addReport(j status.Job, path []string) {
	if proof := status.Proof(j.Reports); proof.State == status.ProofAccepted {
		w.addStep(proof.Reporter, "report “proved”", "", Uncounted, proof.At)
	}
}

// path returns the stages that lead to the proof, in their order. It goes backwards from
// the stage that made the proof, or from the last stage if none did, over the stages
// that each one needs. It prefers builders, and then the stage that ended last.
func (w *walk) path(after map[string][]string, stages []status.JobStage) (path []string) {
	last := ""
	for _, s := range stages {
		if s.Shadow || s.Started.IsZero() {
			continue
		}
		if s.ProvingMS > 0 && (last == "" || w.stages[last].ProvingMS == 0) || last == "" || w.stages[last].ProvingMS == 0 {
			last = s.Stage
		}
	}
	for last != "" && !slices.Contains(path, last) {
		path = append(path, last)
		before := ""
		for _, name := range after[last] {
			s, known := w.stages[name]
			if !known {
				continue
			}
			best := w.stages[before]
			builds, built := s.Kind == contract.KindBuilder, best.Kind == contract.KindBuilder
			if before == "" || builds && !built || builds == built && s.Ended.After(best.Ended) {
				before = name
			}
		}
		last = before
	}
	slices.Reverse(path)
	return path
}
