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

// refused remembers the jobs whose proof did not hold: the coordinator keeps a
// finished job for an hour and would hand out the same proof again. The list lies
// in the state directory, because a token that leads to such a job may come back
// after a restart. Its methods may be called concurrently.
type refused struct {
	path string

	mu   sync.Mutex
	jobs []string          // the last ones, oldest first
	made map[string]string // the cluster's job of each task's job, until it is judged
}

const (
	refusedFile = "refused.json"
	// refusedLimit bounds the list; jobs are forgotten by the coordinator after an
	// hour.
	refusedLimit = 64
)

// openRefused reads the list; one that cannot be read is empty.
func openRefused(stateDir string) *refused {
	r := &refused{path: filepath.Join(stateDir, refusedFile), made: make(map[string]string)}
	if data, err := os.ReadFile(r.path); err == nil {
		_ = json.Unmarshal(data, &r.jobs)
	}
	return r
}

// has reports whether the proof of a job was refused.
func (r *refused) has(job string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.jobs, job)
}

// note says that a proof is being handed over, whose verdict is to come.
func (r *refused) note(t *sdk.Task, job string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made[t.Job] = job
}

// settle ends the wait for the verdict on the proof of a task, and refuses the
// job unless the proof holds. It returns an error when the list cannot be kept.
func (r *refused) settle(t *sdk.Task, holds bool) error {
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
	if holds || job == "" || slices.Contains(r.jobs, job) {
		return nil
	}
	r.jobs = append(r.jobs, job)
	if over := len(r.jobs) - refusedLimit; over > 0 {
		r.jobs = slices.Delete(r.jobs, 0, over)
	}
	return files.WriteJSON(r.path, 0o600, r.jobs)
}
