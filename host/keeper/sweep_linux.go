package keeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
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
	for {
		found := marked(mark)
		if len(found) == 0 {
			return killed, nil
		}
		if time.Now().After(patience) || !slices.ContainsFunc(found, isKeeper) {
			for _, pid := range found {
				if kill(pid, mark) && !seen[pid] {
					seen[pid] = true
					killed++
				}
			}
		}
		select {
		case <-ctx.Done():
			return killed, fmt.Errorf("processes of an earlier run survive: %s", describe(found))
		case <-time.After(lockPoll):
		}
	}
}

// marked lists the processes that carry the mark.
func marked(mark Mark) []int {
	own := ancestry(os.Getpid())
	return slices.DeleteFunc(processes(), func(pid int) bool {
		return slices.Contains(own, pid) || !carries(pid, mark)
	})
}

// kill ends a process if it still carries the mark. The handle is opened before
// the mark is read, so a process that got the same id later is never hit.
func kill(pid int, mark Mark) bool {
	process, err := os.FindProcess(pid) // holds a pidfd
	if err != nil {
		return false
	}
	defer process.Release()
	if !carries(pid, mark) {
		return false
	}
	return process.Signal(syscall.SIGKILL) == nil
}

// carries reports whether a living process of this user has the mark in its
// environment. Processes whose environment is hidden do not.
func carries(pid int, mark Mark) bool {
	dir := fmt.Sprintf("/proc/%d", pid)
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		return false
	}
	environ, err := os.ReadFile(dir + "/environ")
	if err != nil {
		return false
	}
	var instance, stage, run string
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		name, value, _ := bytes.Cut(entry, []byte{'='})
		switch string(name) {
		case EnvInstance:
			instance = string(value)
		case EnvStage:
			stage = string(value)
		case EnvRunID:
			run = string(value)
		}
	}
	return instance == mark.Instance &&
		(mark.Stage == "" || stage == mark.Stage) &&
		(mark.Spare == "" || run != mark.Spare)
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
		status, err := readStat(pid)
		if err != nil {
			break
		}
		pid = status.parent
	}
	return line
}
