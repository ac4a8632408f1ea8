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
	shownTargets = 200              // number of targets in an Overview
	shownFailed  = 50               // number of failures in an Overview
	spanLength   = 10 * time.Minute // of a StageSpan
)

// window holds the targets of the last day, and always the last shownTargets. It is not
// safe for concurrent use.
type window struct {
	limit    int64                       // the score's limit of the proving time in ms
	targets  map[string]Target           // by job
	failures map[string]Failure          // by job
	stages   map[string]map[string]work  // by stage or reporter, and job
	shadows  map[string]map[string]int64 // proving time in ms, by shadow stage and job

	version  uint64   // raised at every change of targets
	sorted   []Target // result of sort
	sortedAt uint64   // the version for which sorted was computed
}

// work is what a stage or a reporter did for a job.
type work struct {
	ended time.Time
	took  time.Duration
}

func newWindow(limit int64) *window {
	return &window{
		limit: limit, targets: map[string]Target{}, failures: map[string]Failure{},
		stages: map[string]map[string]work{}, shadows: map[string]map[string]int64{},
	}
}

// put adds or updates a job. It reports whether the job's target has changed.
func (w *window) put(j status.Job) bool {
	t := Describe(j, w.limit)
	if f, failed := FailureOf(j, t); failed {
		w.failures[j.ID] = f
	} else if old, known := w.failures[j.ID]; known && old.Open {
		old.Open = false
		w.failures[j.ID] = old
	}
	for _, s := range j.Stages {
		if s.State != "done" || s.Ended.IsZero() {
			continue
		}
		set(w.stages, s.Stage, j.ID, work{s.Ended, s.Duration()})
		if s.Shadow && s.ProvingMS > 0 {
			set(w.shadows, s.Stage, j.ID, s.ProvingMS)
		}
	}
	if proof := status.Proof(j.Reports); proof.State == status.ProofAccepted && !j.Finished.IsZero() {
		set(w.stages, proof.Reporter, j.ID, work{proof.At, max(0, proof.At.Sub(j.Finished))})
	}
	if w.targets[j.ID] == t {
		return false
	}
	w.targets[j.ID] = t
	w.version++
	return true
}

// set stores a value of a stage and a job.
func set[V any](table map[string]map[string]V, stage, job string, v V) {
	if table[stage] == nil {
		table[stage] = map[string]V{}
	}
	table[stage][job] = v
}

// newest returns at most limit targets, the highest number first. The limit 0 means all.
func (w *window) newest(limit int) []Target {
	if w.sorted == nil || w.sortedAt != w.version {
		w.sorted, w.sortedAt = w.sort(), w.version
	}
	if limit > 0 && len(w.sorted) > limit {
		return w.sorted[:limit:limit]
	}
	return w.sorted
}

// sort returns the targets, the highest number first. An orphan is left out if there is
// another block with its number, which is marked as AfterReorg.
func (w *window) sort() []Target {
	list := make([]Target, 0, len(w.targets))
	for _, t := range w.targets {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Target) int {
		return cmp.Or(cmp.Compare(b.Number, a.Number), compareBool(a.Orphaned, b.Orphaned), cmp.Compare(a.Job, b.Job))
	})
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

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// forget removes what is older than windowSpan.
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

// failed returns the failures, the open ones first, and the newest first among them.
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

// dots returns the proved blocks of the last day, the oldest first.
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

// spans returns the work of each stage in the spans of the last day.
func (w *window) spans(now time.Time) map[string][]StageSpan {
	all := map[string][]StageSpan{}
	first := now.Add(-windowSpan).Truncate(spanLength).Add(spanLength)
	for stage, works := range w.stages {
		by := map[int][]int64{}
		for _, done := range works {
			if !done.ended.Before(first) {
				i := int(done.ended.Sub(first) / spanLength)
				by[i] = append(by[i], done.took.Milliseconds())
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

// pairs compares every shadow with the stage that is reported.
func (w *window) pairs(reported string) []Pairs {
	list := []Pairs{}
	for shadow, times := range w.shadows {
		p := Pairs{Shadow: shadow, Stage: reported, Blocks: []Pair{}}
		for id, took := range times {
			if t, known := w.targets[id]; known && t.ProvingMS > 0 {
				p.Blocks = append(p.Blocks, Pair{Number: t.Number, Gas: t.Gas, MS: t.ProvingMS, Shadow: took})
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
