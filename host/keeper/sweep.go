package keeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/procfs"
)

// Mark selects the processes that Sweep kills by variables of their environment.
type Mark struct {
	Instance string // EnvInstance, required
	Stage    string // EnvStage; empty for every stage
	Spare    string // processes with this EnvRunID are not killed; empty for none
}

// Sweep kills every process of this user with the mark and returns how many it has
// killed. It is for processes that a killed keeper has left. If there are living
// keepers, it waits up to grace, because they end their trees after the host's death.
// It does not kill the calling process and its ancestors.
//
// If processes survive until ctx ends, the error names them.
func Sweep(ctx context.Context, mark Mark, grace time.Duration) (killed int, err error) {
	if mark.Instance == "" {
		return 0, errors.New("a sweep needs an instance")
	}
	deadline := time.Now().Add(grace)
	counted := map[int]bool{}
	ancestors, marked := ancestry(os.Getpid()), procfs.Mark(mark.matches)
	for {
		found := slices.DeleteFunc(marked.Find(), func(pid int) bool { return slices.Contains(ancestors, pid) })
		if len(found) == 0 {
			return killed, nil
		}
		if time.Now().After(deadline) || !slices.ContainsFunc(found, isKeeper) {
			for _, pid := range found {
				if marked.Kill(pid) && !counted[pid] {
					counted[pid] = true
					killed++
				}
			}
		}
		select {
		case <-ctx.Done():
			return killed, fmt.Errorf("processes of an earlier run survive: %s", procfs.Describe(found))
		case <-time.After(lockPoll):
		}
	}
}

// matches reports whether an environment has the mark.
func (mark Mark) matches(environ procfs.Environ) bool {
	return environ.Get(EnvInstance) == mark.Instance &&
		(mark.Stage == "" || environ.Get(EnvStage) == mark.Stage) &&
		(mark.Spare == "" || environ.Get(EnvRunID) != mark.Spare)
}

// isKeeper reports whether the process is a keeper, by its command line.
func isKeeper(pid int) bool {
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	args := bytes.Split(cmdline, []byte{0})
	return len(args) > 1 && string(args[1]) == "keeper"
}

// ancestry returns the process ids of a process and of its ancestors.
func ancestry(pid int) []int {
	var pids []int
	for pid > 0 && !slices.Contains(pids, pid) {
		pids = append(pids, pid)
		status, err := procfs.ReadStat(pid)
		if err != nil {
			break
		}
		pid = status.Parent
	}
	return pids
}
