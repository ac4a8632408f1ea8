package engine

import (
	"maps"
	"slices"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Limits of a snapshot, so that its cost does not depend on the number of jobs.
const (
	shownRecent = 50  // finished jobs
	shownJobs   = 200 // unfinished jobs
	shownQueue  = 100 // block numbers of one stage's queue
)

// Snapshot returns the state of the jobs and of the working stages. The caller adds
// what is known only of the plugin processes: pid, version and condition.
func (e *Engine) Snapshot() status.Snapshot {
	e.mu.Lock()
	s := status.Snapshot{
		Time: e.clock.Now(), Pipeline: e.cfg.Pipeline, Stopping: e.stopping, Draining: e.drain != nil,
		Head: e.head, HeadTime: e.headTime, Trouble: e.commitError, Unpublished: e.publishError, Counts: e.counts,
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

// urgentJobs lists up to limit unfinished jobs, the most urgent first: those that run
// and, of each stage, the most urgent that wait. Engine.mu must be held.
func (e *Engine) urgentJobs(limit int) []*record.Job {
	shown := map[string]entry{}
	for _, s := range e.stages {
		for _, run := range s.running {
			shown[run.job.rec.ID] = entryOf(run.job, record.Stage{}, run.since)
		}
		for _, waiting := range s.queue.first(limit) {
			shown[waiting.id] = waiting
		}
	}
	entries := slices.SortedFunc(maps.Values(shown), func(a, b entry) int { return compare(e.selection(), a, b) })
	entries = entries[:min(len(entries), limit)]
	records := make([]*record.Job, 0, len(entries))
	for _, shown := range entries {
		if !shown.job.rec.State.Finished() {
			records = append(records, shown.job.rec)
		}
	}
	return records
}

// stageStatus returns the state of one stage. Engine.mu must be held.
func (e *Engine) stageStatus(st *stage) status.Stage {
	out := status.Stage{
		Name: st.Name, Kind: st.Kind, MakesProof: st.MakesProof, Shadow: st.Shadow, Needs: st.Needs, Confirm: st.Confirm,
		Processed: st.processed, Failed: st.failed,
		Running: []status.Attempt{}, Queue: []uint64{}, QueueLength: len(st.queue.byJob),
	}
	for _, p := range []pause{st.pause, st.poll, st.listed} {
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

// Describe returns the status of a job, with the stages of this engine in their order
// and without reports.
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

// Describe returns the status of a job without reports. The given stages come first, in
// their order, and then the stages that the pipeline no longer has, by name.
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
	var position record.StageState // the state of out.Stage
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
		if positionRank(r.State) > positionRank(position) {
			position = r.State
			out.Stage, out.NotBefore = s.Name, r.NotBefore
		}
	}
	if rec.State == status.JobDone {
		out.Stage = ""
	}
	return out
}

// positionRank ranks the states of stages. The stage whose state has the highest rank is
// shown as the position of its job.
func positionRank(state record.StageState) int {
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

// Finished returns the jobs that a limited run has finished, in the order of their ends.
func (e *Engine) Finished() []status.Job {
	e.mu.Lock()
	defer e.mu.Unlock()
	finished := make([]status.Job, 0, len(e.finished))
	for _, rec := range e.finished {
		finished = append(finished, e.Describe(rec))
	}
	return finished
}
