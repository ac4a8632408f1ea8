package e2e

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
//   - the state of a job is the one that follows from its stages, and no stage is
//     at work;
//   - every recorded artifact of an open job exists, with its hash;
//   - no event waits for an unknown job, and none is about a shadow;
//   - EthProofs has seen the phases of each number in order, for each cluster, and
//     stores exactly one proof for each block whose branch is done and reported,
//     and no other.
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
	jobs = slices.DeleteFunc(jobs, func(j *record.Job) bool { return j.Block.Number < s.first })
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
	for _, b := range s.branches {
		s.auditBranch(store, server, b, jobs)
	}
	if server != nil {
		monotonic(s.t, server)
	}
	return states
}

// auditBranch compares the proofs of a branch with those of its cluster.
func (s *site) auditBranch(store *checkpoint.Store, server *ethproofstest.Server, b branch, jobs []*record.Job) {
	s.t.Helper()
	waiting, err := store.Outbox(b.reporter)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range waiting {
		j, err := store.Job(e.Job)
		switch {
		case e.Job != "" && err != nil:
			s.t.Errorf("an event is owed for the unknown job %s (%v)", e.Job, err)
		case e.Job != "" && j.Stages[e.Stage].Shadow:
			s.t.Errorf("%s owes %s of the shadow %s, block %d", b.reporter, e.Kind, e.Stage, j.Block.Number)
		}
	}
	if server == nil {
		return
	}
	made := map[uint64]bool{} // by number: some job's proof was recorded and announced
	for _, j := range jobs {
		r := j.Stages[b.stage]
		made[j.Block.Number] = made[j.Block.Number] || r.Announced == contract.EventProved
		if r.State != record.StageDone || j.State == status.JobCancelled || j.Orphaned || r.Announced != contract.EventProved {
			continue
		}
		reports, err := store.Reports(j.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		owing := slices.ContainsFunc(reports, func(r status.Report) bool { return r.Reporter == b.reporter && r.State == "waiting" })
		if _, stored := server.Proof("alpha", b.cluster, j.Block.Number); !stored && !owing {
			s.t.Errorf("%s is done with block %d, but cluster %d has no proof of it: %+v", b.stage, j.Block.Number, b.cluster, reports)
		}
	}
	for _, c := range calls(s.t, server) {
		if c.cluster == b.cluster && c.phase == "proved" && c.status == 200 && !made[c.block] {
			s.t.Errorf("cluster %d has a proof of block %d, which %s has not made", b.cluster, c.block, b.stage)
		}
	}
}

// auditJob checks the record of one job.
func (s *site) auditJob(j *record.Job) {
	s.t.Helper()
	if again := j.Clone(); j.State != status.JobDropped && j.State != status.JobCancelled {
		if again.Derive(j.Finished); again.State != j.State {
			s.t.Errorf("job %s is %s, but from its stages follows %s", j.ID, j.State, again.State)
		}
	}
	for name, r := range j.Stages {
		switch {
		case r.State == record.StageRunning:
			s.t.Errorf("job %s: stage %s is recorded as running while no host runs", j.ID, name)
		case r.State == record.StageDone && len(r.Outputs)+len(r.Facts) == 0:
			s.t.Errorf("job %s: stage %s is done and has made nothing", j.ID, name)
		case r.State == record.StageBlocked && j.State == status.JobDone && !r.Shadow:
			s.t.Errorf("job %s is done, but stage %s is blocked", j.ID, name)
		case (r.State == record.StageFailed || r.State == record.StageBlocked) && r.Error == "":
			s.t.Errorf("job %s: stage %s is %s without a reason", j.ID, name, r.State)
		case r.Shadow && r.Announced != "" && len(s.branches) > 0: // roles never changed
			s.t.Errorf("job %s: %s was announced of the shadow %s", j.ID, r.Announced, name)
		case record.Rank(r.Announced) > record.Rank(r.Phase) && r.Announced != contract.EventFailed && r.State == record.StageDone:
			s.t.Errorf("job %s: stage %s has announced %s, but reached only %q", j.ID, name, r.Announced, r.Phase)
		}
		if !j.State.Finished() && r.State == record.StageDone || j.Open() && j.State.Finished() && r.Unpublished {
			s.auditFiles(j, name, r)
		}
	}
	switch j.State {
	case status.JobFailed, status.JobDropped, status.JobCancelled:
		if j.Reason == "" {
			s.t.Errorf("job %s is %s without a reason", j.ID, j.State)
		}
	}
}

// auditFiles checks that the artifacts of a stage are on disk as recorded.
func (s *site) auditFiles(j *record.Job, name string, r record.Stage) {
	s.t.Helper()
	for _, a := range r.Outputs {
		content, err := os.ReadFile(filepath.Join(s.dir, "data", filepath.FromSlash(a.Path)))
		if err != nil || sha256.Sum256(content) != a.SHA256 {
			s.t.Errorf("job %s, stage %s: artifact %s is not what is recorded (%v)", j.ID, name, a.Name, err)
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

// strays returns the processes with the data directory in their environment or command
// line.
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

// auditKilled checks what must be on disk right after a kill, before anything is started
// again:
//
//   - the cursor is not ahead of the stored jobs;
//   - an event waits only for a recorded result;
//   - a report that EthProofs has received was recorded as tried before, and EthProofs
//     has received every report that is recorded as sent.
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
		for n := max(s.first, 1); n <= cursor.Head; n++ {
			if jobs, err := store.ByNumber(n); err != nil || len(jobs) == 0 {
				s.t.Errorf("the cursor has passed block %d, which is no job (%v)", n, err)
			}
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
	for _, b := range s.branches {
		s.auditTold(store, server, b, append(slices.Clone(active), finished...))
	}
}

// auditTold compares the recorded events of a branch with what its cluster has received.
func (s *site) auditTold(store *checkpoint.Store, server *ethproofstest.Server, b branch, jobs []*record.Job) {
	s.t.Helper()
	owed, err := store.Outbox(b.reporter)
	if err != nil {
		s.t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, e := range owed {
		key := fmt.Sprint(e.Kind, " ", e.Block.Number)
		tried[key] = tried[key] || e.Tries > 0
		j, err := store.Job(e.Job)
		if err != nil || e.Stage != b.stage && e.Kind != contract.EventFailed || record.Rank(j.Stages[b.stage].Announced) < record.Rank(e.Kind) || e.Kind == contract.EventProved && j.Stages[b.stage].State != record.StageDone {
			s.t.Errorf("%q is owed to cluster %d by %s, but not recorded of the job: %+v (%v)", key, b.cluster, e.Stage, j, err)
		}
	}
	reports := map[string][]status.Report{} // by job
	for _, j := range jobs {
		all, err := store.Reports(j.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range all {
			if r.Reporter != b.reporter {
				continue
			}
			reports[j.ID] = append(reports[j.ID], r)
			if r.Tries > 0 {
				tried[fmt.Sprint(r.Kind, " ", j.Block.Number)] = true
			}
		}
	}
	told := map[string]bool{}
	for _, c := range calls(s.t, server) {
		if c.cluster != b.cluster {
			continue
		}
		key := fmt.Sprint(c.phase, " ", c.block)
		// A proof that was not announced is preceded by "proving".
		announced := c.phase == "proving" && tried[fmt.Sprint(contract.EventProved, " ", c.block)]
		if told[key] = true; !tried[key] && !announced {
			s.t.Errorf("EthProofs was told %q of cluster %d before that was recorded as tried", key, b.cluster)
		}
	}
	for _, j := range jobs {
		for _, r := range reports[j.ID] {
			if key := fmt.Sprint(r.Kind, " ", j.Block.Number); r.State == string(record.Sent) && record.Rank(r.Kind) > 0 && r.Kind != contract.EventFailed && !told[key] {
				s.t.Errorf("%q is recorded as sent, but EthProofs was never told of cluster %d", key, b.cluster)
			}
		}
	}
}
