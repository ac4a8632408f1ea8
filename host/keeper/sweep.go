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

// Mark names the processes that Sweep ends, by their environment.
type Mark struct {
	Instance string // EnvInstance, required
	Stage    string // EnvStage; empty for every stage
	Spare    string // processes with this EnvRunID are left alone; empty for none
}

// Sweep ends every process of this user that carries the mark and returns how
// many it had to kill. It is for what a killed keeper has left; keepers that
// are alive may take up to grace to do it themselves, as they do after the
// host's death. The calling process and its ancestors are left alone.
//
// It fails when processes survive until ctx ends, and names them.
func Sweep(ctx context.Context, mark Mark, grace time.Duration) (killed int, err error) {
	if mark.Instance == "" {
		return 0, errors.New("a sweep needs an instance")
	}
	patience := time.Now().Add(grace)
	seen := map[int]bool{}
	own, carriers := ancestry(os.Getpid()), procfs.Mark(mark.carried)
	for {
		found := slices.DeleteFunc(carriers.Find(), func(pid int) bool { return slices.Contains(own, pid) })
		if len(found) == 0 {
			return killed, nil
		}
		if time.Now().After(patience) || !slices.ContainsFunc(found, isKeeper) {
			for _, pid := range found {
				if carriers.Kill(pid) && !seen[pid] {
					seen[pid] = true
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

// carried reports whether an environment has the mark.
func (mark Mark) carried(environ procfs.Environ) bool {
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

// ancestry lists the process and its ancestors.
func ancestry(pid int) []int {
	var line []int
	for pid > 0 && !slices.Contains(line, pid) {
		line = append(line, pid)
		status, err := procfs.ReadStat(pid)
		if err != nil {
			break
		}
		pid = status.Parent
	}
	return line
}
