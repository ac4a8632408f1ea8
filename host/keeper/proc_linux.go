package keeper

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// stat is what /proc/PID/stat tells of a process.
type stat struct {
	command string
	state   string // R, S, D, T, Z, …
	parent  int
}

// readStat reads /proc/PID/stat; proc(5). The command may contain blanks and
// parentheses, so the fields are counted from the last closing one.
func readStat(pid int) (stat, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("%s: no command", path)
	}
	fields := bytes.Fields(text[end+1:])
	if len(fields) < 2 {
		return stat{}, fmt.Errorf("%s: too few fields", path)
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return stat{command: string(text[open+1 : end]), state: string(fields[0]), parent: parent}, nil
}

// processes lists the ids of all visible processes.
func processes() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
