package e2e

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
)

// audit checks what must hold after any crash, once no host runs:
//
//   - no selected block is missing between the first and the last;
//   - a finished job has its reason or all its stages, an unfinished one is
//     waiting or running;
//   - every recorded artifact of an unfinished job is there, with its hash;
//   - no event is owed for an unknown job;
//   - EthProofs has seen the phases of each number in order, and stores exactly
//     one proof for each block that is done and reported.
//
// It returns the jobs by state.
func (s *site) audit(server *ethproofstest.Server) map[status.JobState][]*job.Job {
	s.t.Helper()
	store, err := checkpoint.OpenReadOnly(s.path("data", "checkpoint.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer store.Close()
	active, err := store.Active()
	if err != nil {
		s.t.Fatal(err)
	}
	finished, err := store.Recent(1 << 20)
	if err != nil {
		s.t.Fatal(err)
	}
	jobs := append(active, finished...)
	states := map[status.JobState][]*job.Job{}
	numbers := map[uint64]bool{}
	for _, j := range jobs {
		states[j.State] = append(states[j.State], j)
		if j.State != status.JobCancelled {
			numbers[j.Block.Number] = true
		}
		s.auditJob(j)
	}
	s.auditGaps(numbers)
	owing, err := store.Owing()
	if err != nil {
		s.t.Fatal(err)
	}
	for id := range owing {
		if known, err := store.Job(id); err != nil || known == nil {
			s.t.Errorf("an event is owed for the unknown job %s (%v)", id, err)
		}
	}
	if server != nil {
		monotonic(s.t, server)
		for _, j := range states[status.JobDone] {
			_, stored := server.Proof("alpha", 1, j.Block.Number)
			if reports, err := store.Reports(j.ID); err != nil || !stored && !owing[j.ID] {
				s.t.Errorf("block %d is done, but EthProofs has no proof of it: %+v %v", j.Block.Number, reports, err)
			}
		}
	}
	return states
}

func (s *site) auditJob(j *job.Job) {
	s.t.Helper()
	switch j.State {
	case status.JobDone:
		for name, r := range j.Stages {
			if !r.Done && !r.Skipped {
				s.t.Errorf("job %s is done, its stage %s is not", j.ID, name)
			}
		}
	case status.JobFailed, status.JobDropped, status.JobCancelled:
		if j.Reason == "" {
			s.t.Errorf("job %s is %s without a reason", j.ID, j.State)
		}
	default:
		for name, r := range j.Stages {
			for _, a := range r.Outputs {
				content, err := os.ReadFile(filepath.Join(s.dir, "data", filepath.FromSlash(a.Path)))
				if err != nil || sha256.Sum256(content) != a.SHA256 {
					s.t.Errorf("job %s, stage %s: artifact %s is not what is recorded (%v)", j.ID, name, a.Name, err)
				}
			}
		}
	}
}

func (s *site) auditGaps(numbers map[uint64]bool) {
	s.t.Helper()
	sorted := []uint64{}
	for n := range numbers {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	for i := 1; i < len(sorted); i++ {
		if sorted[i] != sorted[i-1]+1 {
			s.t.Errorf("no job for the blocks between %d and %d", sorted[i-1], sorted[i])
		}
	}
}

// strays lists processes that carry the data directory in their environment or
// command line.
func (s *site) strays(t *testing.T) (found []int) {
	t.Helper()
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environs {
		for _, file := range []string{path, filepath.Join(filepath.Dir(path), "cmdline")} {
			if text, err := os.ReadFile(file); err == nil && contains(text, s.dir) {
				found = append(found, atoi(filepath.Base(filepath.Dir(path))))
				break
			}
		}
	}
	return alive(found)
}
