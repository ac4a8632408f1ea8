package checkpoint

import (
	"bytes"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// job2 is the record of a job in schema 2.
type job2 struct {
	record.Job
	Stage     string             `json:"stage"` // where the job waited, ran, or came to its end
	NotBefore time.Time          `json:"not_before"`
	Announced contract.EventKind `json:"announced"`
	ProvingMS int64              `json:"proving_time_ms"`
	Stages    map[string]stage2  `json:"stages"`
}

// stage2 is the record of a stage in schema 2.
type stage2 struct {
	record.Stage
	Done    bool `json:"done"`
	Skipped bool `json:"skipped"`
	Crashes int  `json:"crashes"`
}

// orphaned2 is the reason in schema 2 of a job whose block had left the chain.
const orphaned2 = "orphaned by a reorg"

// jobsByStage migrates to schema 3: the stages of a job get states of their own, events
// are indexed by job, requests get a verb, and runs are ordered by their begin.
func jobsByStage(t tx) error {
	for _, rewrite := range []func(tx) error{rewriteJobs, listOwing, nameRequests, numberRuns} {
		if err := rewrite(t); err != nil {
			return err
		}
	}
	return nil
}

// rewriteJobs upgrades the records of jobs. It reads one record at a time to save
// memory.
func rewriteJobs(t tx) error {
	jobs := top(t, bucketJobs)
	for id, sealed := range replaceable(jobs) {
		old, err := decode[job2](jobs, id, sealed)
		if err != nil {
			return err
		}
		j := old.upgrade()
		if err := jobs.write(id, j); err != nil {
			return err
		}
		if err := putActive(t, j); err != nil {
			return err
		}
	}
	return nil
}

// replaceable iterates over a bucket. The caller may replace the value of the current
// key.
func replaceable(b bucket) func(yield func(key, sealed []byte) bool) {
	return func(yield func(key, sealed []byte) bool) {
		c := b.b.Cursor()
		key, sealed := c.First()
		for key != nil {
			key = bytes.Clone(key)
			if !yield(key, sealed) {
				return
			}
			c.Seek(key)
			key, sealed = c.Next()
		}
	}
}

// upgrade returns the record of schema 3.
func (old job2) upgrade() *record.Job {
	j := old.Job
	j.Stages = map[string]record.Stage{}
	for name, s := range old.Stages {
		j.Stages[name] = s.upgrade(name, old)
	}
	if _, known := j.Stages[old.Stage]; !known && old.Stage != "" && old.State != status.JobDone {
		j.Stages[old.Stage] = stage2{}.upgrade(old.Stage, old) // schema 2 had no record before the first attempt
	}
	if j.State == status.JobRunning {
		j.State = status.JobWaiting
	}
	j.Orphaned = j.State == status.JobCancelled && j.Reason == orphaned2
	j.Phase = old.Announced
	for name, s := range j.Stages {
		if slices.ContainsFunc(s.Outputs, func(a contract.Artifact) bool { return a.Role == contract.RoleProof }) {
			s.Phase, s.Announced, s.ProvingMS = old.Announced, old.Announced, old.ProvingMS
			j.Stages[name], j.Phase = s, ""
			break
		}
	}
	return &j
}

// upgrade returns the record of schema 3 for the stage of a job.
func (old stage2) upgrade(name string, j job2) record.Stage {
	s := old.Stage
	s.Suspect = old.Crashes > 0 // schema 2 did not record whether the plugin had other blocks
	switch here := name == j.Stage; {
	case old.Skipped:
		s.State = record.StageSkipped
	case old.Done:
		s.State = record.StageDone
	case !j.State.Finished():
		if s.State = record.StageWaiting; here {
			s.NotBefore = j.NotBefore
		}
	case j.State == status.JobFailed && here:
		s.State = record.StageFailed
		if s.Error == "" {
			s.Error = j.Reason
		}
	case j.State == status.JobFailed:
		s.State = record.StageBlocked
	case j.State == status.JobDone:
		s.State = record.StageRemoved // an undone stage of a job that is done was removed from the pipeline
	default:
		s.State = record.StageCancelled
	}
	return s
}

// listOwing fills the index of events by job.
func listOwing(t tx) error {
	owing := top(t, bucketOwing)
	return top(t, bucketOutbox).eachChild(func(_ []byte, box bucket) error {
		var failed error
		err := each(box, nil, func(_ []byte, e record.Event) {
			if e.Job != "" && failed == nil {
				failed = owing.put(owingKey(&e), nil)
			}
		})
		if err == nil {
			err = failed
		}
		return err
	})
}

// nameRequests gives every request a verb.
func nameRequests(t tx) error {
	requests := top(t, bucketRequests)
	for key, sealed := range replaceable(requests) {
		r, err := decode[record.Request](requests, key, sealed)
		if err != nil {
			return err
		}
		if r.Verb = record.VerbAdd; r.Input != "" {
			r.Verb = record.VerbProve
		}
		if err := requests.write(key, r); err != nil {
			return err
		}
	}
	return nil
}

// numberRuns changes the keys of runs from their ids to numbers, in the order of the
// ids, which is that of their begin.
func numberRuns(t tx) error {
	runs := top(t, bucketRuns)
	var all []record.Run
	err := each(runs, nil, func(_ []byte, r record.Run) { all = append(all, r) })
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := runs.b.Delete([]byte(r.ID)); err != nil {
			return err
		}
		if r.Seq, err = nextNumber(t, runs); err != nil {
			return err
		}
		if err := runs.write(be8(r.Seq), r); err != nil {
			return err
		}
	}
	return nil
}
