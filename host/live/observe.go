package live

import (
	"slices"
	"time"

	"github.com/proofline/proofline/host/status"
)

// Observer is told of what happens once: it counts what an Overview, which shows
// what is, does not hold. Its methods are called from one goroutine, and quickly
// return. What had ended before the host started is not told.
type Observer interface {
	// StageDone is told of a stage that has done its work for a job: the last
	// attempt of it. A job that is taken up again may be told of again.
	StageDone(job status.Job, stage status.JobStage)
	// Settled is told of a job that has come to an outcome: one of Accepted, Late,
	// Done, Failed, Rejected and Skipped. A refused proof that is taken later is
	// told of again.
	Settled(job status.Job, target Target)
	// Committed is told how long a transaction of the checkpoint took. It is called
	// from many goroutines.
	Committed(took time.Duration)
}

// Observe lets o be told from now on.
func (m *Model) Observe(o Observer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watchers = append(m.watchers, o)
}

func (m *Model) observers() []Observer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clip(m.watchers)
}

// Committed tells the observers how long a transaction of the checkpoint took. It
// may be called before Run.
func (m *Model) Committed(took time.Duration) {
	for _, o := range m.observers() {
		o.Committed(took)
	}
}

// observed remembers, by job, what observers know.
type observed map[string]observation

type observation struct {
	ends    map[string]time.Time // of the stages' work
	outcome string
}

// take notes a job and returns the stages whose work has ended since it was noted
// last, and whether it has come to another outcome.
func (w observed) take(j status.Job, limit int64) (done []status.JobStage, t Target, settled bool) {
	before, known := w[j.ID]
	if !known {
		before.ends = map[string]time.Time{}
	}
	for _, s := range j.Stages {
		if s.State == "done" && !s.Ended.IsZero() && !before.ends[s.Stage].Equal(s.Ended) {
			before.ends[s.Stage] = s.Ended
			done = append(done, s)
		}
	}
	t = Describe(j, limit)
	final := t.Outcome != Working && t.Outcome != Waiting && t.Outcome != Reporting
	settled = final && t.Outcome != before.outcome
	if final {
		before.outcome = t.Outcome
	} else if t.Outcome != Reporting { // it is worked on again
		before.outcome = ""
	}
	w[j.ID] = before
	return done, t, settled
}

// notify tells the observers what is new about a job.
func (m *Model) notify(j status.Job) {
	done, target, settled := m.seen.take(j, m.limit.Load())
	if len(done) == 0 && !settled {
		return
	}
	for _, o := range m.observers() {
		for _, s := range done {
			o.StageDone(j, s)
		}
		if settled {
			o.Settled(j, target)
		}
	}
}

// forget drops the jobs that the window has forgotten.
func (w observed) forget(known map[string]Target) {
	for id := range w {
		if _, there := known[id]; !there {
			delete(w, id)
		}
	}
}
