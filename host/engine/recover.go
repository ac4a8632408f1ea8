package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// recover reads the unfinished jobs. What was running is waiting again; work
// that was done by another plugin or configuration is done again.
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
	if cursor, err := e.store.Cursor(e.stages[0].Name); err != nil {
		return fmt.Errorf("read the cursor: %w", err)
	} else if cursor != nil {
		e.head = cursor.Head
	}
	var change job.Change
	for _, rec := range jobs {
		next := rec.Clone()
		interrupted := rec.State == status.JobRunning
		next.State = status.JobWaiting
		e.invalidate(next)
		s := e.next(next)
		if s == nil {
			// Every stage of today's pipeline is done: one was removed from it.
			next.State, next.Stage, next.Finished = status.JobDone, "", time.Now()
		} else {
			next.Stage = s.Name
		}
		if interrupted || next.Stage != rec.Stage {
			change.Jobs = append(change.Jobs, next)
			rec = next
		}
		if !rec.State.Finished() {
			e.jobs[rec.ID] = &active{rec: rec}
		}
	}
	if err := e.store.Commit(change); err != nil {
		return fmt.Errorf("queue interrupted jobs again: %w", err)
	}
	failpoint.Hit(failpoint.Recovered)
	e.grantBegun()
	return nil
}

// invalidate forgets the work of the first stage whose fingerprint differs, and
// of every stage behind it.
func (e *Engine) invalidate(rec *job.Job) {
	stale := false
	for _, s := range e.stages {
		r, known := rec.Stages[s.Name]
		if !known || !r.Done || r.Skipped {
			continue
		}
		if stale = stale || r.Fingerprint != s.Fingerprint; stale {
			rec.Stages[s.Name] = job.Stage{Attempt: r.Attempt}
		}
	}
}

// next returns the first stage that the job has not done; nil when it is
// through.
func (e *Engine) next(rec *job.Job) *stage {
	for _, s := range e.stages {
		if r := rec.Stages[s.Name]; !r.Done && !r.Skipped {
			return s
		}
	}
	return nil
}

// grantBegun gives the places of a limited run to jobs that an earlier run began.
func (e *Engine) grantBegun() {
	if e.cfg.Limit == 0 {
		return
	}
	var begun []*active
	for _, a := range e.jobs {
		if a.begun() {
			begun = append(begun, a)
		}
	}
	slices.SortFunc(begun, e.compare)
	for _, a := range begun[:min(len(begun), e.cfg.Limit)] {
		e.permits[a.rec.ID] = true
	}
}

func (a *active) begun() bool {
	for _, r := range a.rec.Stages {
		if r.Attempt > 0 {
			return true
		}
	}
	return false
}

// artifacts returns what the stages before s made for the job, the newest of
// each name, and the facts that they told.
func (e *Engine) artifacts(rec *job.Job, s *stage) (artifacts []contract.Artifact, facts map[string]string) {
	at := map[string]int{}
	facts = map[string]string{}
	for _, earlier := range e.stages[:s.index] {
		r := rec.Stages[earlier.Name]
		if !r.Done && !r.Skipped {
			continue
		}
		for _, a := range r.Outputs {
			if i, known := at[a.Name]; known {
				artifacts[i] = a
				continue
			}
			at[a.Name] = len(artifacts)
			artifacts = append(artifacts, a)
		}
		for name, value := range r.Facts {
			facts[name] = value
		}
	}
	return artifacts, facts
}
