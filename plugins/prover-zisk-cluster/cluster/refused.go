package cluster

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/files"
)

// refusedJobs is the list of the cluster's jobs whose proof was not valid. The coordinator
// keeps a finished job for an hour and would return the same proof again. The list is
// stored in the state directory, because the resume token of such a job may come back
// after a restart. Its methods may be called concurrently.
type refusedJobs struct {
	path string

	mu   sync.Mutex
	jobs []string          // the last refused jobs, oldest first
	made map[string]string // the cluster's job of each task's job, until its proof is verified
}

const (
	refusedFile = "refused.json"
	// refusedLimit is the largest length of the list. The coordinator itself removes
	// jobs after an hour.
	refusedLimit = 64
)

// openRefused reads the list. If the file cannot be read the list is empty.
func openRefused(stateDir string) *refusedJobs {
	r := &refusedJobs{path: filepath.Join(stateDir, refusedFile), made: make(map[string]string)}
	if data, err := os.ReadFile(r.path); err == nil {
		_ = json.Unmarshal(data, &r.jobs)
	}
	return r
}

// has reports whether the proof of a job was refused.
func (r *refusedJobs) has(job string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.jobs, job)
}

// note stores the job that has made the proof of a task, until settle is called.
func (r *refusedJobs) note(t *sdk.Task, job string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made[t.Job] = job
}

// settle is called after the verification of a task's proof. Unless the proof is valid it
// adds the job to the list. It returns an error if the list cannot be written.
func (r *refusedJobs) settle(t *sdk.Task, valid bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	job := r.made[t.Job]
	delete(r.made, t.Job)
	if job == "" {
		var have token
		if json.Unmarshal(t.ResumeToken, &have) != nil {
			return nil
		}
		job = have.Job
	}
	if valid || job == "" || slices.Contains(r.jobs, job) {
		return nil
	}
	r.jobs = append(r.jobs, job)
	if over := len(r.jobs) - refusedLimit; over > 0 {
		r.jobs = slices.Delete(r.jobs, 0, over)
	}
	return files.WriteJSON(r.path, 0o600, r.jobs)
}
