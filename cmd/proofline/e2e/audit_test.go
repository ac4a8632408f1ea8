package e2e

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk/contract"
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
func (s *site) audit(server *ethproofstest.Server) map[status.JobState][]*record.Job {
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
	jobs := append(finished, slices.DeleteFunc(active, func(j *record.Job) bool { return j.State.Finished() })...)
	states := map[status.JobState][]*record.Job{}
	numbers := map[uint64]bool{}
	for _, j := range jobs {
		states[j.State] = append(states[j.State], j)
		if j.State != status.JobCancelled {
			numbers[j.Block.Number] = true
		}
		s.auditJob(j)
	}
	s.auditGaps(numbers)
	owing := map[string]bool{}
	for _, j := range jobs {
		reports, err := store.Reports(j.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		owing[j.ID] = slices.ContainsFunc(reports, func(r status.Report) bool { return r.State == "waiting" })
	}
	waiting, err := store.Outbox("ethproofs")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range waiting {
		if _, err := store.Job(e.Job); e.Job != "" && err != nil {
			s.t.Errorf("an event is owed for the unknown job %s (%v)", e.Job, err)
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

func (s *site) auditJob(j *record.Job) {
	s.t.Helper()
	switch j.State {
	case status.JobDone:
		for name, r := range j.Stages {
			if !r.State.Complete() && !r.Shadow {
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

// auditKilled checks what must be on disk at the very moment of a kill, before
// anything is started again:
//
//   - the cursor is not ahead of the stored jobs;
//   - an event is owed only for what is recorded;
//   - what EthProofs was told had been recorded as tried before, and what is
//     recorded as sent was told.
func (s *site) auditKilled(server *ethproofstest.Server) {
	s.t.Helper()
	store, err := checkpoint.OpenReadOnly(s.path("data", "checkpoint.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer store.Close()
	if cursor, err := store.Cursor("source"); err != nil && !errors.Is(err, record.ErrNotFound) {
		s.t.Fatal(err)
	} else if err == nil {
		for n := uint64(1); n <= cursor.Head; n++ {
			if jobs, err := store.ByNumber(n); err != nil || len(jobs) == 0 {
				s.t.Errorf("the cursor has passed block %d, which is no job (%v)", n, err)
			}
		}
	}
	owed, err := store.Outbox("ethproofs")
	if err != nil {
		s.t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, e := range owed {
		key := fmt.Sprint(e.Kind, " ", e.Block.Number)
		tried[key] = tried[key] || e.Tries > 0
		j, err := store.Job(e.Job)
		if err != nil || record.Rank(j.Stages["prove"].Announced) < record.Rank(e.Kind) || e.Kind == contract.EventProved && j.Stages["prove"].State != record.StageDone {
			s.t.Errorf("%q is owed, but not recorded of the job: %+v (%v)", key, j, err)
		}
	}
	told := map[string]bool{}
	for _, r := range server.Requests() {
		if r.Method != "POST" {
			continue
		}
		key := fmt.Sprint(r.Path[strings.LastIndexByte(r.Path, '/')+1:], " ", r.Block)
		told[key] = true
		jobs, err := store.ByNumber(r.Block)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, j := range jobs {
			reports, err := store.Reports(j.ID)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, report := range reports {
				if report.Tries > 0 {
					tried[fmt.Sprint(report.Kind, " ", r.Block)] = true
				}
			}
		}
		if !tried[key] {
			s.t.Errorf("EthProofs was told %q before that was recorded as tried", key)
		}
	}
	finished, err := store.Recent(1 << 20)
	if err != nil {
		s.t.Fatal(err)
	}
	active, err := store.Active()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, j := range append(active, finished...) {
		reports, err := store.Reports(j.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, report := range reports {
			if key := fmt.Sprint(report.Kind, " ", j.Block.Number); report.State == string(record.Sent) && record.Rank(report.Kind) > 0 && report.Kind != contract.EventFailed && !told[key] {
				s.t.Errorf("%q is recorded as sent, but EthProofs was never told", key)
			}
		}
	}
}
