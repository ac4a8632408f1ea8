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
	Beside    = "beside"    // not on the way of the proof: gates, shadows
	Broken    = "failed"    // an attempt that came to nothing
)

// Step is a span on a block's way, in ms since the block's timestamp.
type Step struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	Note  string `json:"note,omitempty"`
	Kind  string `json:"kind"`
	From  int64  `json:"from_ms"`
	To    int64  `json:"to_ms"`
}

// Took is the length of the step in ms.
func (s Step) Took() int64 { return s.To - s.From }

// Way is how a block went from its timestamp to its acceptance. The steps on the
// way of the proof follow each other without a gap, so that Counted and Uncounted
// together are Total.
type Way struct {
	Steps       []Step `json:"steps"`
	CountedMS   int64  `json:"counted_ms"`
	UncountedMS int64  `json:"uncounted_ms"`
	TotalMS     int64  `json:"total_ms"`
}

// WayOf lays out what a job's record tells of its way. after names the stages that
// each stage needs. Of a stage that took several attempts the record has the times
// of the last; what was before it is one step.
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
	w.step("", "until the source has seen it", "the block travels, and is polled", Uncounted, j.Created)
	if len(path) > 0 {
		w.way.Steps[0].Stage = path[0]
	}
	for _, name := range path {
		w.attempt(w.stages[name])
	}
	w.report(j, path)
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

type walk struct {
	origin time.Time
	stages map[string]status.JobStage
	at     int64 // where the way has come to
	way    Way
}

func (w *walk) ms(t time.Time) int64 { return max(0, t.Sub(w.origin).Milliseconds()) }

// step adds a step from where the way has come to, unless it is empty.
func (w *walk) step(stage, name, note, kind string, to time.Time) {
	if to.IsZero() {
		return
	}
	end := max(w.at, w.ms(to))
	if end > w.at || len(w.way.Steps) == 0 {
		w.way.Steps = append(w.way.Steps, Step{Stage: stage, Name: name, Note: note, Kind: kind, From: w.at, To: end})
	}
	w.at = end
}

// attempt adds the steps of one stage.
func (w *walk) attempt(s status.JobStage) {
	if s.Started.IsZero() {
		return
	}
	wait := "queue"
	if s.Attempt > 1 {
		wait = fmt.Sprintf("queue, %d earlier attempts and back-off", s.Attempt-1)
	}
	w.step(s.Stage, wait, "", Uncounted, s.Started)
	if s.Ended.IsZero() {
		return
	}
	if s.State == "failed" {
		w.step(s.Stage, fmt.Sprintf("attempt %d", s.Attempt), s.Error, Broken, s.Ended)
		return
	}
	name := map[contract.Kind]string{
		contract.KindSource: "fetch block and witness", contract.KindBuilder: "build input", contract.KindProver: "prove",
	}[s.Kind]
	counts := s.Kind == contract.KindBuilder || s.ProvingMS > 0
	if !counts || s.WorkTime <= 0 {
		w.step(s.Stage, name, "", Uncounted, s.Ended)
		return
	}
	room := s.Ended.Sub(s.Started)
	work := min(s.WorkTime, max(room, 0))
	note, rest := "its own figure", "start and commit"
	if s.Kind == contract.KindProver {
		note, rest = "the tool’s own figure", "start, verification and commit"
	}
	w.step(s.Stage, name, note, Counted, s.Started.Add(work))
	w.step(s.Stage, rest, "", Uncounted, s.Ended)
}

// report adds the time until a reporter's other side took the proof.
func (w *walk) report(j status.Job, path []string) {
	if proof := status.Proof(j.Reports); proof.State == status.ProofAccepted {
		w.step(proof.Reporter, "report “proved”", "", Uncounted, proof.At)
	}
}

// path lists the stages that the proof, or what comes nearest to one, is made by:
// from it backwards over what it needs, builders before other stages.
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
