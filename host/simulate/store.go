package simulate

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// store is an engine.Store in memory. Like the checkpoint it keeps whole records. It also
// records when each proof was made. The engine writes through a session.
type store struct {
	mu       sync.Mutex
	jobs     map[string]*record.Job
	byNumber map[uint64][]string
	finished []string // the oldest first
	cursor   *record.Cursor
	proved   map[string]time.Time // when the proof was recorded, by job
}

func newStore() *store {
	return &store{jobs: map[string]*record.Job{}, byNumber: map[uint64][]string{}, proved: map[string]time.Time{}}
}

// session is the store for one run of the engine. Commits fail after the session was
// closed, as after a crash of the machine.
type session struct {
	*store
	closed bool
}

var errClosed = errors.New("the machine has an outage")

func (s *session) Commit(c record.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	for _, job := range c.Jobs {
		before := s.jobs[job.ID]
		if before == nil {
			s.byNumber[job.Block.Number] = append(s.byNumber[job.Block.Number], job.ID)
		}
		if job.State.Finished() && (before == nil || !before.State.Finished()) {
			s.finished = append(s.finished, job.ID)
		}
		s.jobs[job.ID] = job // never changed in place
	}
	for _, event := range c.Events {
		if _, known := s.proved[event.Job]; event.Kind == contract.EventProved && !known {
			s.proved[event.Job] = event.At
		}
	}
	if c.Cursor != nil {
		s.cursor = c.Cursor
	}
	return nil
}

// close ends the session.
func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *store) Active() (jobs []*record.Job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, job := range s.jobs {
		if job.Open() {
			jobs = append(jobs, job)
		}
	}
	slices.SortFunc(jobs, func(a, b *record.Job) int { return cmp.Compare(a.ID, b.ID) })
	return jobs, nil
}

func (s *store) Recent(limit int) (jobs []*record.Job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.finished) - 1; i >= 0 && len(jobs) < limit; i-- {
		jobs = append(jobs, s.jobs[s.finished[i]])
	}
	return jobs, nil
}

func (s *store) Job(id string) (*record.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if job := s.jobs[id]; job != nil {
		return job, nil
	}
	return nil, record.ErrNotFound
}

func (s *store) ByNumber(number uint64) (jobs []*record.Job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.byNumber[number] {
		jobs = append(jobs, s.jobs[id])
	}
	return jobs, nil
}

func (s *store) Cursor(string) (*record.Cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor == nil {
		return nil, record.ErrNotFound
	}
	return s.cursor, nil
}

func (s *store) Requests() ([]record.Request, error) { return nil, nil }

// noFiles is an engine.Files without a disk.
type noFiles struct{}

func (noFiles) Attempt(_, _ string, _ uint32, inputs []contract.Artifact) (string, []contract.Artifact, error) {
	return "", inputs, nil
}
func (noFiles) Intact(string, []contract.Artifact) error { return nil }
func (noFiles) Accept(_ string, outputs []contract.Artifact) ([]contract.Artifact, func() error, error) {
	return outputs, func() error { return nil }, nil
}
func (noFiles) Publish(string, []contract.Artifact) error { return nil }
func (noFiles) SetAside(_, _ string) error                { return nil }
func (noFiles) Restore(_, _ string, a contract.Artifact, _ ...string) (contract.Artifact, error) {
	return a, nil
}
func (noFiles) Trim(_, _ string, _ uint32) error { return nil }
func (noFiles) Import(_, _, name, _ string) (contract.Artifact, error) {
	return contract.Artifact{Name: name}, nil
}
func (noFiles) Discard(string) error { return nil }
