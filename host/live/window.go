package live

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/proofline/proofline/host/status"
)

const (
	windowSpan   = 24 * time.Hour
	shownTargets = 200
	shownFailed  = 50
	spanLength   = 10 * time.Minute
)

// window holds what is remembered of the targets of the last day, and at least of
// the last shownTargets. It is used by one goroutine.
type window struct {
	limit    int64 // the score's, ms
	targets  map[string]Target
	failures map[string]Failure
	stages   map[string]map[string]work      // by stage and job
	shadows  map[string]map[string]shadowing // by shadow stage and job

	version  uint64 // raised at every change of targets
	sorted   []Target
	sortedAt uint64
}

// work is what a stage did for a job, or what a reporter did.
type work struct {
	ended time.Time
	took  time.Duration
}

// shadowing is what a shadow took for a block, in ms.
type shadowing struct{ ms int64 }

func newWindow(limit int64) *window {
	return &window{
		limit: limit, targets: map[string]Target{}, failures: map[string]Failure{},
		stages: map[string]map[string]work{}, shadows: map[string]map[string]shadowing{},
	}
}

// put takes note of a job and reports whether its target is not as before.
func (w *window) put(j status.Job) bool {
	t := Describe(j, w.limit)
	if f := FailureOf(j, t); f != nil {
		w.failures[j.ID] = *f
	} else if old, known := w.failures[j.ID]; known && old.Open {
		old.Open = false
		w.failures[j.ID] = old
	}
	for _, s := range j.Stages {
		if s.State != "done" || s.Ended.IsZero() {
			continue
		}
		note(w.stages, s.Stage, j.ID, work{s.Ended, s.Duration()})
		if s.Shadow && s.ProvingMS > 0 {
			note(w.shadows, s.Stage, j.ID, shadowing{s.ProvingMS})
		}
	}
	if proof := status.Proof(j.Reports); proof.State == status.ProofAccepted && !j.Finished.IsZero() {
		note(w.stages, proof.Reporter, j.ID, work{proof.At, max(0, proof.At.Sub(j.Finished))})
	}
	if w.targets[j.ID] == t {
		return false
	}
	w.targets[j.ID] = t
	w.version++
	return true
}

func note[V any](of map[string]map[string]V, stage, job string, v V) {
	if of[stage] == nil {
		of[stage] = map[string]V{}
	}
	of[stage][job] = v
}

// newest lists the targets, the highest number first; of a number the one on the
// chain first.
func (w *window) newest(limit int) []Target {
	if w.sorted == nil || w.sortedAt != w.version {
		w.sorted, w.sortedAt = w.sort(), w.version
	}
	if limit > 0 && len(w.sorted) > limit {
		return w.sorted[:limit:limit]
	}
	return w.sorted
}

func (w *window) sort() []Target {
	list := make([]Target, 0, len(w.targets))
	for _, t := range w.targets {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Target) int {
		return cmp.Or(cmp.Compare(b.Number, a.Number), compareBool(a.Orphaned, b.Orphaned), cmp.Compare(a.Job, b.Job))
	})
	// An orphan is shown as a mark on the block in its place.
	shown := list[:0]
	for _, t := range list {
		if n := len(shown); n > 0 && shown[n-1].Number == t.Number && t.Orphaned {
			shown[n-1].AfterReorg = true
			continue
		}
		shown = append(shown, t)
	}
	return shown
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// forget drops what is too old.
func (w *window) forget(now time.Time) {
	oldest := now.Add(-windowSpan)
	if len(w.targets) > shownTargets {
		keep := map[string]bool{}
		for _, t := range w.newest(shownTargets) {
			keep[t.Job] = true
		}
		for id, t := range w.targets {
			if !keep[id] && t.Time.Before(oldest) && t.Ended.Before(oldest) {
				delete(w.targets, id)
				w.version++
			}
		}
	}
	for stage := range w.stages {
		for id, s := range w.stages[stage] {
			if s.ended.Before(oldest) {
				delete(w.stages[stage], id)
			}
		}
	}
	for stage := range w.shadows {
		for id := range w.shadows[stage] {
			if _, known := w.targets[id]; !known {
				delete(w.shadows[stage], id)
			}
		}
	}
	for id, f := range w.failures {
		if _, known := w.targets[id]; !known && f.At.Before(oldest) {
			delete(w.failures, id)
		}
	}
}

// failed lists the failures, the open ones and the newest first.
func (w *window) failed() []Failure {
	list := make([]Failure, 0, len(w.failures))
	for _, f := range w.failures {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b Failure) int {
		return cmp.Or(compareBool(b.Open, a.Open), b.At.Compare(a.At), cmp.Compare(a.Job, b.Job))
	})
	return list[:min(len(list), shownFailed)]
}

// dots lists the proved blocks of the last day, the oldest first.
func (w *window) dots(now time.Time) []Dot {
	dots := []Dot{}
	for _, t := range w.targets {
		if t.ProvingMS > 0 && now.Sub(t.Time) <= windowSpan {
			d := Dot{Number: t.Number, Time: t.Time, Gas: t.Gas, ProvingMS: t.ProvingMS}
			if t.Outcome == Accepted || t.Outcome == Late {
				d.TotalMS = t.TotalMS
			}
			dots = append(dots, d)
		}
	}
	slices.SortFunc(dots, func(a, b Dot) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.ProvingMS, b.ProvingMS))
	})
	return dots
}

// day sums up the targets of the last day that have ended.
func (w *window) day(now time.Time) Day {
	var d Day
	var took []int64
	for _, t := range w.newest(0) {
		if now.Sub(t.Time) > windowSpan || t.Ended.IsZero() || t.Orphaned || t.Outcome == Reporting {
			continue
		}
		d.Targets++
		switch t.Outcome {
		case Late:
			d.Late++
			fallthrough
		case Accepted, Done:
			d.Accepted++
			took = append(took, t.TotalMS)
		case Failed:
			d.Failed++
		case Rejected:
			d.Rejected++
		case Skipped:
			d.Skipped++
		}
	}
	slices.Sort(took)
	d.MedianMS, d.P95MS = rank(took, 0.5), rank(took, 0.95)
	return d
}

// spans lists the times of each stage through the last day.
func (w *window) spans(now time.Time) map[string][]StageSpan {
	all := map[string][]StageSpan{}
	first := now.Add(-windowSpan).Truncate(spanLength).Add(spanLength)
	for stage, works := range w.stages {
		by := map[int][]int64{}
		for _, did := range works {
			if !did.ended.Before(first) {
				i := int(did.ended.Sub(first) / spanLength)
				by[i] = append(by[i], did.took.Milliseconds())
			}
		}
		list := []StageSpan{}
		for i := range int(math.Ceil(float64(windowSpan) / float64(spanLength))) {
			if times := by[i]; len(times) > 0 {
				slices.Sort(times)
				list = append(list, StageSpan{
					From: first.Add(time.Duration(i) * spanLength).UTC(), MedianMS: rank(times, 0.5), MaxMS: times[len(times)-1], Done: len(times),
				})
			}
		}
		if len(list) > 0 {
			all[stage] = list
		}
	}
	return all
}

// pairs holds every shadow beside the stage that is reported.
func (w *window) pairs(reported string) []Pairs {
	list := []Pairs{}
	for shadow, times := range w.shadows {
		p := Pairs{Shadow: shadow, Stage: reported, Blocks: []Pair{}}
		for id, took := range times {
			if t, known := w.targets[id]; known && t.ProvingMS > 0 {
				p.Blocks = append(p.Blocks, Pair{Number: t.Number, Gas: t.Gas, MS: t.ProvingMS, Shadow: took.ms})
			}
		}
		if len(p.Blocks) > 0 {
			slices.SortFunc(p.Blocks, func(a, b Pair) int { return cmp.Compare(a.Number, b.Number) })
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b Pairs) int { return cmp.Compare(a.Shadow, b.Shadow) })
	return list
}
