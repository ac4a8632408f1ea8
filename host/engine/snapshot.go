package engine

import (
	"maps"
	"slices"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// How much a snapshot shows at most, so that one costs the same however much
// waits.
const (
	shownRecent = 50
	shownJobs   = 200
	shownQueue  = 100
)

// Snapshot returns the state of the jobs and of the working stages. What only
// the processes know (pid, version, condition) is left to the caller.
func (e *Engine) Snapshot() status.Snapshot {
	e.mu.Lock()
	s := status.Snapshot{
		Time: e.clock.Now(), Pipeline: e.cfg.Pipeline, Stopping: e.stopping, Draining: e.drain != nil,
		Head: e.head, HeadTime: e.headTime, Trouble: e.trouble, Unpublished: e.unshown, Counts: e.counts,
	}
	s.Counts.Active = len(e.jobs)
	for _, st := range e.stages {
		s.Stages = append(s.Stages, e.stageStatus(st))
	}
	jobs := e.urgentJobs(shownJobs)
	var recent []*record.Job
	for _, rec := range slices.Backward(e.recent) {
		if len(recent) < shownRecent {
			recent = append(recent, rec)
		}
	}
	e.mu.Unlock()

	s.Jobs, s.Recent = make([]status.Job, 0, len(jobs)), make([]status.Job, 0, len(recent))
	for _, rec := range jobs {
		s.Jobs = append(s.Jobs, e.Describe(rec))
	}
	for _, rec := range recent {
		s.Recent = append(s.Recent, e.Describe(rec))
	}
	return s
}

// urgentJobs lists up to most of the unfinished jobs, the most urgent of each stage
// first in line. Engine.mu must be held.
func (e *Engine) urgentJobs(most int) []*record.Job {
	shown := map[string]entry{}
	for _, s := range e.stages {
		for _, run := range s.running {
			shown[run.job.rec.ID] = entryOf(run.job, record.Stage{}, run.since)
		}
		for _, waiting := range s.queue.first(most) {
			shown[waiting.id] = waiting
		}
	}
	entries := slices.SortedFunc(maps.Values(shown), func(a, b entry) int { return compare(e.selection(), a, b) })
	records := make([]*record.Job, 0, min(len(entries), most))
	for _, shown := range entries[:min(len(entries), most)] {
		if !shown.job.rec.State.Finished() {
			records = append(records, shown.job.rec)
		}
	}
	return records
}

// stageStatus describes one stage. Engine.mu must be held.
func (e *Engine) stageStatus(st *stage) status.Stage {
	out := status.Stage{
		Name: st.Name, Kind: st.Kind, MakesProof: st.MakesProof, Shadow: st.Shadow, Needs: st.Needs, Confirm: st.Confirm,
		Processed: st.processed, Failed: st.failed,
		Running: []status.Attempt{}, Queue: []uint64{}, QueueLength: len(st.queue.of),
	}
	for _, p := range []pause{st.pause, st.poll} {
		if p.reason != "" {
			out.Paused, out.PausedSince = p.reason, p.since
		}
	}
	if oldest, some := st.queue.byNumber.Min(); some {
		out.QueuedSince = oldest.job.rec.Created
	}
	for _, waiting := range st.queue.first(shownQueue) {
		out.Queue = append(out.Queue, waiting.number)
	}
	runs := slices.SortedFunc(maps.Values(st.running), func(a, b *attempt) int { return a.since.Compare(b.since) })
	for _, run := range runs {
		out.Running = append(out.Running, status.Attempt{
			Job: run.job.rec.ID, Number: run.job.rec.Block.Number, Attempt: run.number, Since: run.since,
			Phase: run.progress.Phase, Fraction: run.progress.Fraction, Note: run.progress.Note, ETA: run.progress.ETA,
			Stuck: run.stuck,
		})
	}
	return out
}

// Describe turns a record into what is shown of it. Reports are not part of it.
func (e *Engine) Describe(rec *record.Job) status.Job {
	stages := make([]StageRef, len(e.stages))
	for i, s := range e.stages {
		stages[i] = StageRef{Name: s.Name, Kind: s.Kind}
	}
	return Describe(rec, stages)
}

// StageRef names a working stage of a pipeline.
type StageRef struct {
	Name string
	Kind contract.Kind
}

// Describe turns a record into what is shown of it, with the stages in the given
// order and behind them those that the pipeline has no more.
func Describe(rec *record.Job, stages []StageRef) status.Job {
	out := status.Job{
		ID: rec.ID, Block: rec.Block, Origin: rec.Origin, State: rec.State, Reason: rec.Reason, Orphaned: Orphaned(rec),
		Created: rec.Created, Finished: rec.Finished, Announced: string(rec.Phase),
	}
	for _, name := range slices.Sorted(maps.Keys(rec.Stages)) {
		if !slices.ContainsFunc(stages, func(s StageRef) bool { return s.Name == name }) {
			stages = append(slices.Clip(stages), StageRef{Name: name})
		}
	}
	var at record.StageState
	for _, s := range stages {
		r, known := rec.Stages[s.Name]
		if !known {
			r.State = record.StageWaiting
		}
		out.Stages = append(out.Stages, status.JobStage{
			Stage: s.Name, Kind: s.Kind, State: string(r.State), Shadow: r.Shadow, Attempt: r.Attempt, Fingerprint: r.Fingerprint,
			Started: r.Started, Ended: r.Ended, NotBefore: r.NotBefore, WorkTime: r.WorkTime, Outputs: r.Outputs, Facts: r.Facts,
			Error: r.Error, Class: r.Class, Remedy: r.Remedy, ProvingMS: r.ProvingMS, Announced: string(r.Announced),
		})
		if r.Shadow {
			continue
		}
		if out.ProvingMS == 0 {
			out.ProvingMS = r.ProvingMS
		}
		if record.Rank(r.Announced) > record.Rank(contract.EventKind(out.Announced)) {
			out.Announced = string(r.Announced)
		}
		if telling(r.State) > telling(at) {
			at = r.State
			out.Stage, out.NotBefore = s.Name, r.NotBefore
		}
	}
	if rec.State == status.JobDone {
		out.Stage = ""
	}
	return out
}

// telling orders the states of stages by how well they tell where a job stands.
func telling(state record.StageState) int {
	switch state {
	case record.StageRunning:
		return 4
	case record.StageFailed:
		return 3
	case record.StageWaiting:
		return 2
	case record.StageCancelled:
		return 1
	}
	return 0
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
