package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// recover reads the open jobs and commits what has changed about them: stages that were
// running wait again, and each job is adapted to the stages of the current pipeline.
func (e *Engine) recover() error {
	jobs, err := e.store.Active()
	if err != nil {
		return fmt.Errorf("read unfinished jobs: %w", err)
	}
	recent, err := e.store.Recent(keptRecent)
	if err != nil {
		return fmt.Errorf("read finished jobs: %w", err)
	}
	slices.Reverse(recent)
	e.recent = recent
	switch cursor, err := e.store.Cursor(e.stages[0].Name); {
	case err == nil:
		e.head = cursor.Head
	case !errors.Is(err, record.ErrNotFound):
		return fmt.Errorf("read the cursor: %w", err)
	}
	e.trust(recent)

	t, err := e.begin(context.Background())
	if err != nil {
		return err
	}
	defer e.write.release()
	changed := map[string]int{}
	for _, old := range jobs {
		e.jobs[old.ID] = &active{rec: old, attempts: map[*stage]*attempt{}}
		rec := old.Clone()
		for name, r := range rec.Stages {
			if r.State == record.StageRunning {
				r.State = record.StageWaiting
				rec.Stages[name] = r
			}
		}
		for _, change := range e.fit(rec) {
			changed[change]++
		}
		if !reflect.DeepEqual(rec, old) {
			t.add(rec)
		}
	}
	for _, change := range slices.Sorted(maps.Keys(changed)) {
		e.log.Warn("the pipeline has changed since the last run: unfinished blocks go on by today's file", "change", change, "blocks", changed[change])
	}
	t.settle()
	if err := e.store.Commit(t.change); err != nil {
		return fmt.Errorf("queue interrupted jobs again: %w", err)
	}
	failpoint.Hit(failpoint.Recovered)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, rec := range t.change.Jobs {
		e.jobs[rec.ID].rec = rec
		if rec.State.Finished() && !slices.ContainsFunc(e.recent, func(r *record.Job) bool { return r.ID == rec.ID }) {
			e.recent = append(e.recent, rec)
		}
	}
	for id, a := range e.jobs {
		if !a.rec.Open() {
			delete(e.jobs, id)
			continue
		}
		e.index(a, t.now)
	}
	e.permitBegun()
	return nil
}

// trust marks the stages that have succeeded with their current fingerprint. A trusted
// proof stage announces its claims at once.
func (e *Engine) trust(recent []*record.Job) {
	for _, rec := range recent {
		for _, s := range e.stages {
			r := rec.Stages[s.Name]
			s.trusted = s.trusted || r.State == record.StageDone && r.Fingerprint == s.tuning().Fingerprint
		}
	}
}

// permitBegun gives the permits of a limited run to jobs that an earlier run began.
func (e *Engine) permitBegun() {
	if e.cfg.Limit == 0 {
		return
	}
	var begun []entry
	for _, a := range e.jobs {
		if !a.rec.State.Finished() && wasBegun(a.rec) {
			begun = append(begun, entryOf(a, record.Stage{}, a.rec.Created))
		}
	}
	slices.SortFunc(begun, func(a, b entry) int { return compare(e.selection(), a, b) })
	for _, b := range begun[:min(len(begun), e.cfg.Limit)] {
		e.permits[b.id] = true
	}
}

// wasBegun reports whether any stage of the job has had an attempt.
func wasBegun(rec *record.Job) bool {
	for _, r := range rec.Stages {
		if r.Attempt > 0 {
			return true
		}
	}
	return false
}

// Orphaned reports whether the job ended because its block left the chain.
func Orphaned(rec *record.Job) bool {
	return rec.Orphaned || rec.State == status.JobCancelled && rec.Reason == errOrphaned.Error()
}
