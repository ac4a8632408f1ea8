package sdktest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// marked lists the processes whose environment has the mark, but for one.
func marked(mark string, except int) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == except || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // empty for a zombie
		if err == nil && bytes.Contains(environ, []byte(markName+"="+mark+"\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killMarked clears up after an instance that did not.
func killMarked(mark string) {
	for _, pid := range marked(mark, 0) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
