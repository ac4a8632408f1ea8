package live

import (
	"slices"
	"time"

	"github.com/proofline/proofline/host/status"
)

// Observer counts events of jobs, which an Overview does not contain. Its methods must
// return quickly. They are called from one goroutine, except for Committed. Events
// before the start of the host are not reported.
type Observer interface {
	// StageDone is called when a stage has finished its work for a job. stage has the
	// last attempt. It may be called again for a job that is retried.
	StageDone(job status.Job, stage status.JobStage)
	// Settled is called when a job has one of the outcomes Accepted, Late, Done, Failed,
	// Rejected and Skipped. It is called again if a rejected proof is accepted later.
	Settled(job status.Job, target Target)
	// Committed is called with the time that a transaction of the checkpoint took. It
	// is called from many goroutines.
	Committed(took time.Duration)
}

// Observe adds an observer.
func (m *Model) Observe(o Observer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observers = append(m.observers, o)
}

func (m *Model) observerList() []Observer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clip(m.observers)
}

// Committed passes the time that a transaction of the checkpoint took to the observers.
// It may be called before Run.
func (m *Model) Committed(took time.Duration) {
	for _, o := range m.observerList() {
		o.Committed(took)
	}
}

// observed holds, by job, what was reported to the observers.
type observed map[string]observation

type observation struct {
	ends    map[string]time.Time // when the work of each stage ended
	outcome string               // the last one of Settled; empty if the job is worked on again
}

// update records the state of a job. It returns the stages whose work has ended since
// the last call, and whether the job has come to another outcome.
func (w observed) update(j status.Job, limit int64) (done []status.JobStage, t Target, settled bool) {
	last, known := w[j.ID]
	if !known {
		last.ends = map[string]time.Time{}
	}
	for _, s := range j.Stages {
		if s.State == "done" && !s.Ended.IsZero() && !last.ends[s.Stage].Equal(s.Ended) {
			last.ends[s.Stage] = s.Ended
			done = append(done, s)
		}
	}
	t = Describe(j, limit)
	final := t.Outcome != Working && t.Outcome != Waiting && t.Outcome != Reporting
	settled = final && t.Outcome != last.outcome
	if final {
		last.outcome = t.Outcome
	} else if t.Outcome != Reporting { // it is worked on again
		last.outcome = ""
	}
	w[j.ID] = last
	return done, t, settled
}

// notify reports the new events of a job to the observers.
func (m *Model) notify(j status.Job) {
	done, target, settled := m.observed.update(j, m.limit.Load())
	if len(done) == 0 && !settled {
		return
	}
	for _, o := range m.observerList() {
		for _, s := range done {
			o.StageDone(j, s)
		}
		if settled {
			o.Settled(j, target)
		}
	}
}

// forget removes the jobs that are not in known.
func (w observed) forget(known map[string]Target) {
	for id := range w {
		if _, there := known[id]; !there {
			delete(w, id)
		}
	}
}
