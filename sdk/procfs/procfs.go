// Package procfs finds processes of the machine in /proc and ends them by marks in
// their environment: a process inherits its environment whatever it does with groups,
// sessions and parents, so that a mark finds what a tool or a plugin has left behind.
// Processes whose environment this user may not read are not found.
package procfs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stat is what /proc/PID/stat says of a process.
type Stat struct {
	Command string // at most 15 bytes
	State   byte   // R, S, D, T, Z, …
	Parent  int
}

// ReadStat reads /proc/PID/stat (proc_pid_stat(5)). The command may contain blanks and
// parentheses, so the fields are counted from the last closing one.
func ReadStat(pid int) (Stat, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return Stat{}, err
	}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return Stat{}, fmt.Errorf("%s: no command", path)
	}
	fields := bytes.Fields(text[end+1:])
	if len(fields) < 2 {
		return Stat{}, fmt.Errorf("%s: too few fields", path)
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return Stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return Stat{Command: string(text[open+1 : end]), State: fields[0][0], Parent: parent}, nil
}

// Alive reports whether the process exists and does not merely wait to be reaped.
func Alive(pid int) bool {
	stat, err := ReadStat(pid)
	return err == nil && stat.State != 'Z' && stat.State != 'X'
}

// Name returns the name of a process, for messages; "unknown" where there is none.
func Name(pid int) string {
	stat, err := ReadStat(pid)
	if err != nil {
		return "unknown"
	}
	return stat.Command
}

// Describe names processes for a message: "123 (cargo-zisk, state D)".
func Describe(pids []int) string {
	names := make([]string, len(pids))
	for i, pid := range pids {
		if stat, err := ReadStat(pid); err == nil {
			names[i] = fmt.Sprintf("%d (%s, state %c)", pid, stat.Command, stat.State)
		} else {
			names[i] = fmt.Sprintf("%d (ended)", pid)
		}
	}
	return strings.Join(names, ", ")
}

// Children lists the direct children of a process.
func Children(pid int) []int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if len(lists) == 0 {
		return childrenByStat(pid) // a kernel without CONFIG_PROC_CHILDREN
	}
	var children []int
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// childrenByStat finds the children by looking at every process.
func childrenByStat(pid int) []int {
	return slices.DeleteFunc(all(), func(child int) bool {
		stat, err := ReadStat(child)
		return err != nil || stat.Parent != pid
	})
}

// all lists the ids of all visible processes.
func all() []int {
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

// Environ is the environment that a process was started with, as "name=value" with a
// NUL byte behind each.
type Environ []byte

// Get returns the value of a variable, and "" where it is not set.
func (e Environ) Get(name string) string {
	for entry := range bytes.SplitSeq(e, []byte{0}) {
		if value, found := bytes.CutPrefix(entry, []byte(name+"=")); found {
			return string(value)
		}
	}
	return ""
}

// Mark decides by its environment whether a process is meant.
type Mark func(Environ) bool

// Variable is the mark of processes in whose environment the variable has the value.
func Variable(name, value string) Mark {
	return func(e Environ) bool { return e.Get(name) == value }
}

// carries reports whether a process has the mark. One that waits to be reaped has no
// environment any more.
func (m Mark) carries(pid int) bool {
	found, _ := m.read(pid, nil)
	return found
}

// read is carries with a buffer that is reused: it returns the buffer, grown where an
// environment wants more.
func (m Mark) read(pid int, buffer []byte) (bool, []byte) {
	environ, err := readFile("/proc/"+strconv.Itoa(pid)+"/environ", buffer[:0])
	return err == nil && len(environ) > 0 && m(environ), environ
}

// readFile is os.ReadFile for the files of /proc, which are never waited for and whose size
// is not known: a third of the system calls, of which there are some for every process of
// the machine. It appends to text.
func readFile(path string, text []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return text, err
	}
	defer unix.Close(fd)
	text = slices.Grow(text, 8<<10)
	for {
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || n == 0:
			return text, err
		}
		if text = text[:len(text)+n]; len(text) == cap(text) {
			text = slices.Grow(text, cap(text))
		}
	}
}

// Find lists the processes that carry the mark, ascending, but for the caller.
func (m Mark) Find() []int {
	self := os.Getpid()
	var buffer []byte // of all reads: there is one for every process of the machine
	found := slices.DeleteFunc(all(), func(pid int) bool {
		if pid == self {
			return true
		}
		var carries bool
		carries, buffer = m.read(pid, buffer)
		return !carries
	})
	slices.Sort(found)
	return found
}

// Kill sends SIGKILL to a process if it carries the mark, and reports whether it did.
// The handle is opened before the mark is read, so that a process which got the same
// id later is never hit.
func (m Mark) Kill(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return m.carries(pid) && unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
}

// Open returns pidfds of the processes that carry the mark, but for the caller. They
// become readable when their process has ended, and are for the caller to close.
func (m Mark) Open() (pidfds []int) {
	for _, pid := range m.Find() {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if !m.carries(pid) { // another process has the id now
			_ = unix.Close(fd)
			continue
		}
		pidfds = append(pidfds, fd)
	}
	return pidfds
}

// KillAll sends SIGKILL to every process that carries the mark, but for the caller,
// and returns how many those were. A process that forks meanwhile may leave a child,
// which another call finds.
func (m Mark) KillAll() (killed int) {
	for _, pid := range m.Find() {
		if m.Kill(pid) {
			killed++
		}
	}
	return killed
}
