package live

import (
	"testing"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestObserved: each stage's work and each outcome of a job is reported once, and again if
// the job is retried.
func TestObserved(t *testing.T) {
	o := observed{}
	whole := proved()
	at := func(done int, state status.JobState, reports []status.Report) status.Job {
		j := whole
		j.State, j.Reports = state, reports
		j.Stages = append([]status.JobStage{}, whole.Stages...)
		for i := done; i < len(j.Stages); i++ {
			j.Stages[i] = status.JobStage{Stage: j.Stages[i].Stage, Kind: j.Stages[i].Kind, State: "waiting"}
		}
		return j
	}
	refused := []status.Report{{Reporter: "ethproofs", Kind: contract.EventProved, State: "rejected", Error: "400"}}
	waits := []status.Report{{Reporter: "ethproofs", Kind: contract.EventProved, State: "waiting"}}
	again := at(4, status.JobDone, whole.Reports)
	again.Stages[3].Ended = whole.Stages[3].Ended.Add(1)
	for i, step := range []struct {
		job     status.Job
		done    int
		outcome string // empty where the job has not come to a new one
	}{
		{at(0, status.JobWaiting, nil), 0, ""},
		{at(1, status.JobRunning, nil), 1, ""},
		{at(1, status.JobRunning, nil), 0, ""},
		{at(4, status.JobDone, waits), 3, ""},
		{at(4, status.JobDone, refused), 0, Rejected},
		{at(4, status.JobDone, refused), 0, ""},
		{at(4, status.JobDone, waits), 0, ""}, // it is sent once more
		{at(4, status.JobDone, whole.Reports), 0, Accepted},
		{at(4, status.JobDone, whole.Reports), 0, ""},
		{at(3, status.JobRunning, nil), 0, ""}, // proved anew
		{again, 1, Accepted},
	} {
		done, target, settled := o.update(step.job, 120_000)
		if len(done) != step.done || settled != (step.outcome != "") || settled && target.Outcome != step.outcome {
			t.Errorf("step %d: %d stages, settled %v as %s", i, len(done), settled, target.Outcome)
		}
	}
	o.forget(map[string]Target{})
	if len(o) != 0 {
		t.Error("what the window has forgotten stays")
	}
}
