// Package procfs finds processes of the machine in /proc and kills them by marks in
// their environment. A mark is a variable that all descendants of a process inherit, even
// if they leave its process group, session and parent. So a mark finds the processes that
// a tool or a plugin has left behind. A process whose environment this user may not read
// is not found.
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

// Stat holds the first fields of /proc/PID/stat.
type Stat struct {
	Command string // name of the command, at most 15 bytes
	State   byte   // one of R, S, D, T, Z, X and others of proc_pid_stat(5)
	Parent  int    // process id of the parent
}

// ReadStat reads /proc/PID/stat (proc_pid_stat(5)). The command may contain blanks and
// parentheses, so the fields are counted from the last closing parenthesis. For a process
// that does not exist the error wraps fs.ErrNotExist.
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

// Alive reports whether the process exists and is not a zombie, which only waits to be
// reaped.
func Alive(pid int) bool {
	stat, err := ReadStat(pid)
	return err == nil && stat.State != 'Z' && stat.State != 'X'
}

// Name returns the name of a process, for messages, and "unknown" if it does not exist.
func Name(pid int) string {
	stat, err := ReadStat(pid)
	if err != nil {
		return "unknown"
	}
	return stat.Command
}

// Describe lists processes for a message, each as "123 (cargo-zisk, state D)".
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

// Children returns the process ids of the direct children of a process.
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

// childrenByStat finds the children by reading the parent of every process.
func childrenByStat(pid int) []int {
	return slices.DeleteFunc(all(), func(child int) bool {
		stat, err := ReadStat(child)
		return err != nil || stat.Parent != pid
	})
}

// all returns the ids of all visible processes.
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

// Environ is the environment with which a process was started: "name=value" entries, each
// followed by a NUL byte.
type Environ []byte

// Get returns the value of a variable, or "" if it is not set.
func (e Environ) Get(name string) string {
	for entry := range bytes.SplitSeq(e, []byte{0}) {
		if value, found := bytes.CutPrefix(entry, []byte(name+"=")); found {
			return string(value)
		}
	}
	return ""
}

// Mark selects processes by their environment: it reports whether a process with this
// environment carries the mark. Its methods are safe for concurrent use.
type Mark func(Environ) bool

// Variable returns the mark of the processes in whose environment the variable has the
// value.
func Variable(name, value string) Mark {
	return func(e Environ) bool { return e.Get(name) == value }
}

// carries reports whether a process carries the mark. A zombie carries none, because it
// has lost its environment.
func (m Mark) carries(pid int) bool {
	found, _ := m.read(pid, nil)
	return found
}

// read is carries with a buffer that the caller reuses. It returns the buffer, which it may
// have replaced by a larger one.
func (m Mark) read(pid int, buffer []byte) (bool, []byte) {
	environ, err := readFile("/proc/"+strconv.Itoa(pid)+"/environ", buffer[:0])
	return err == nil && len(environ) > 0 && m(environ), environ
}

// readFile appends the content of a file of /proc to text, with a third of the system calls
// of os.ReadFile. These files never block and do not state their size. The number matters
// because Find reads one file for every process of the machine.
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

// Find returns the ids of the processes that carry the mark, in ascending order, without
// the calling process.
func (m Mark) Find() []int {
	self := os.Getpid()
	var buffer []byte // shared by all reads
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
// The pidfd is opened before the mark is read, so that another process which gets the
// same id later is never killed.
func (m Mark) Kill(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return m.carries(pid) && unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
}

// Open returns pidfds of the processes that carry the mark, without the calling process.
// A pidfd becomes readable when its process has ended. The caller closes them.
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

// KillAll sends SIGKILL to every process that carries the mark, without the calling
// process, and returns their number. A process that forks in the meantime may leave a
// child, which another call finds.
func (m Mark) KillAll() (killed int) {
	for _, pid := range m.Find() {
		if m.Kill(pid) {
			killed++
		}
	}
	return killed
}
