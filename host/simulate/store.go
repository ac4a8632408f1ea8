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

// store is an engine.Store in memory. It keeps records whole, as the checkpoint does, and
// notes when proofs were announced as made. See session for the machine that goes away.
type store struct {
	mu       sync.Mutex
	jobs     map[string]*record.Job
	byNumber map[uint64][]string
	finished []string // the oldest first
	cursor   *record.Cursor
	proved   map[string]time.Time // by job: when its proof was recorded
}

func newStore() *store {
	return &store{jobs: map[string]*record.Job{}, byNumber: map[uint64][]string{}, proved: map[string]time.Time{}}
}

// session is the store as one life of the engine sees it. Nothing is written any more
// once its machine is gone.
type session struct {
	*store
	gone bool
}

var errGone = errors.New("the machine is away")

func (s *session) Commit(c record.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return errGone
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

// end cuts the session off.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
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
