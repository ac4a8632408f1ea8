package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// shownRecent is how many finished jobs a snapshot holds.
const shownRecent = 50

// Snapshot returns the state of the jobs and of the working stages. What only
// the processes know (pid, version, condition) is left to the caller.
func (e *Engine) Snapshot() status.Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := status.Snapshot{
		Time: time.Now(), Pipeline: e.cfg.Pipeline, Stopping: e.stopping,
		Head: e.head, Trouble: e.trouble, Counts: e.counts,
	}
	s.Counts.Active = len(e.jobs)
	jobs := slices.SortedFunc(maps.Values(e.jobs), e.compare)
	for _, st := range e.stages {
		s.Stages = append(s.Stages, e.stageStatus(st, jobs))
	}
	s.Jobs = make([]status.Job, 0, len(jobs))
	for _, a := range jobs {
		s.Jobs = append(s.Jobs, e.Describe(a.rec))
	}
	s.Recent = []status.Job{}
	for _, rec := range slices.Backward(e.recent) {
		if len(s.Recent) == shownRecent {
			break
		}
		s.Recent = append(s.Recent, e.Describe(rec))
	}
	return s
}

// stageStatus describes one stage; jobs are in order of urgency.
func (e *Engine) stageStatus(st *stage, jobs []*active) status.Stage {
	out := status.Stage{
		Name: st.Name, Kind: st.Kind, MakesProof: st.MakesProof,
		Processed: st.processed, Failed: st.failed,
		Running: []status.Attempt{}, Queue: []uint64{},
	}
	for _, p := range []pause{st.pause, st.poll} {
		if p.reason != "" {
			out.Paused, out.PausedSince = p.reason, p.since
		}
	}
	for _, a := range jobs {
		switch {
		case a.rec.Stage != st.Name:
		case a.rec.State == status.JobWaiting:
			out.Queue = append(out.Queue, a.rec.Block.Number)
		case a.rec.State == status.JobRunning:
			out.Running = append(out.Running, status.Attempt{
				Job: a.rec.ID, Number: a.rec.Block.Number, Attempt: a.attempt, Since: a.since,
				Phase: a.progress.Phase, Fraction: a.progress.Fraction, Note: a.progress.Note, ETA: a.progress.ETA,
				Stuck: a.stuck,
			})
		}
	}
	return out
}

// Describe turns a record into what is shown of it. Reports are not part of it.
func (e *Engine) Describe(rec *job.Job) status.Job {
	stages := make([]StageName, len(e.stages))
	for i, s := range e.stages {
		stages[i] = StageName{Name: s.Name, Kind: s.Kind}
	}
	return Describe(rec, stages)
}

// StageName names a working stage of a pipeline.
type StageName struct {
	Name string
	Kind contract.Kind
}

// Describe turns a record into what is shown of it, with the stages in the given
// order.
func Describe(rec *job.Job, stages []StageName) status.Job {
	out := status.Job{
		ID: rec.ID, Block: rec.Block, Origin: rec.Origin, State: rec.State, Stage: rec.Stage,
		NotBefore: rec.NotBefore, Announced: string(rec.Announced), Reason: rec.Reason,
		Created: rec.Created, Finished: rec.Finished, ProvingMS: rec.ProvingMS,
	}
	for _, s := range stages {
		r := rec.Stages[s.Name]
		state := "waiting"
		switch {
		case r.Skipped:
			state = "skipped"
		case r.Done:
			state = "done"
		case rec.Stage == s.Name && rec.State == status.JobRunning:
			state = "running"
		case rec.Stage == s.Name && rec.State == status.JobFailed:
			state = "failed"
		}
		out.Stages = append(out.Stages, status.JobStage{
			Stage: s.Name, Kind: s.Kind, State: state, Attempt: r.Attempt, Started: r.Started, Ended: r.Ended,
			WorkTime: r.WorkTime, Outputs: r.Outputs, Facts: r.Facts, Error: r.Error,
		})
	}
	return out
}

// Finished returns the jobs that a limited run has finished, in that order.
func (e *Engine) Finished() []status.Job {
	e.mu.Lock()
	defer e.mu.Unlock()
	finished := make([]status.Job, 0, len(e.finished))
	for _, rec := range e.finished {
		finished = append(finished, e.Describe(rec))
	}
	return finished
}
