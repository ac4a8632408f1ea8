package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Supported returns what the kernel can enforce. Its first call starts a short process
// to test whether a namespace can be made.
var Supported = sync.OnceValue(func() Support {
	var s Support
	if version, err := ll.LandlockGetABIVersion(); err == nil {
		s.Landlock = version
	}
	if program, err := exec.LookPath("true"); err == nil {
		cmd := exec.Command(program)
		cmd.SysProcAttr = &syscall.SysProcAttr{}
		isolate(cmd.SysProcAttr, nil)
		s.Namespace = cmd.Run() == nil
	}
	return s
})

// isolate requests a network namespace for a process. Unless the keeper is root, it also
// requests a user namespace, which gives the right to make the former. User and group
// ids do not change in it. A nil user is the keeper's own.
func isolate(attr *syscall.SysProcAttr, user *User) {
	attr.Cloneflags |= syscall.CLONE_NEWNET
	if os.Geteuid() == 0 {
		return
	}
	uid, gid := os.Geteuid(), os.Getegid()
	if user != nil {
		uid, gid = int(user.UID), int(user.GID)
		attr.GidMappingsEnableSetgroups = true // the process drops its other groups with setgroups
	}
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
}

// execConfined confines this process and executes the plugin in it. It returns only if
// that fails. args is the command line after "keeper".
func execConfined(args []string) error {
	if len(args) < 4 || args[0] != confineCommand || args[2] != "--" {
		return errors.New("no plugin to confine")
	}
	var l limits
	if err := json.Unmarshal([]byte(args[1]), &l); err != nil {
		return fmt.Errorf("read the confinement: %w", err)
	}
	runtime.LockOSThread() // the restrictions apply to this thread, which executes the plugin
	if l.Confine != nil {
		if err := l.Confine.enforce(); err != nil {
			return fmt.Errorf("confine the plugin: %w", err)
		}
	}
	if err := errors.Join(dropCapabilities(), unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); err != nil {
		return fmt.Errorf("confine the plugin: %w", err)
	}
	argv := args[3:]
	if err := syscall.Exec(argv[0], argv, os.Environ()); err != nil {
		return fmt.Errorf("start the plugin: exec %s: %w", argv[0], err)
	}
	return nil
}

// enforce applies the confinement to this process and to all that it executes or starts,
// with all that the kernel's version of Landlock can do.
func (c Confinement) enforce() error {
	var rules []landlock.Rule
	for _, path := range c.Read {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
		case err != nil:
			return err
		case info.IsDir():
			rules = append(rules, landlock.RODirs(path))
		default:
			rules = append(rules, landlock.ROFiles(path))
		}
	}
	for _, path := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"} {
		rules = append(rules, landlock.RWFiles(path).IgnoreIfMissing())
	}
	for _, path := range c.Write {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrPermission) {
			continue // the user cannot reach the path anyway
		}
		// WithRefer, because outputs are moved between the folders of an attempt.
		rules = append(rules, landlock.RWDirs(path).WithRefer().IgnoreIfMissing())
	}
	config := landlock.V8.BestEffort()
	if c.Network {
		return errors.Join(config.RestrictPaths(rules...), config.RestrictScoped())
	}
	return config.Restrict(rules...)
}

// keptCapabilities are the capabilities that a plugin of root keeps. They are rights on
// files, which Landlock limits.
var keptCapabilities = []uintptr{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER}

// dropCapabilities makes sure that the program which this thread executes has no other
// capabilities of root. With CAP_PERFMON or CAP_SYS_PTRACE it could read the memory and
// the environment of the host in spite of Landlock. Users other than root keep none.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	if os.Geteuid() != 0 {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		if err := unix.Capset(&header, &make([]unix.CapUserData, 2)[0]); err != nil {
			return fmt.Errorf("drop capabilities: %w", err)
		}
		return nil
	}
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if slices.Contains(keptCapabilities, capability) {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if err != nil && !errors.Is(err, unix.EINVAL) { // an older kernel does not know the capability
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	return nil
}

// confine starts the plugin through a process that confines itself. If no namespace can
// be made, it logs a warning and relies on Landlock alone.
func confine(l limits, argv []string, attr *os.ProcAttr) (*os.Process, error) {
	args := append([]string{"proofline", "keeper"}, l.args(argv)...)
	if l.User != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: l.User.UID, Gid: l.User.GID} // without supplementary groups
		if err := l.User.handPipes(os.Stdout, os.Stderr); err != nil {
			return nil, err
		}
		var st unix.Stat_t
		if err := unix.Stat("/proc/self/exe", &st); err == nil && st.Mode&0o001 == 0 {
			return nil, errors.New("another user than proofline's may not execute proofline itself, as it must to become the plugin: chmod o+x")
		}
	}
	if !l.isolated() {
		return os.StartProcess("/proc/self/exe", args, attr)
	}
	isolated := *attr.Sys
	isolate(&isolated, l.User)
	process, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{Files: attr.Files, Sys: &isolated})
	if err != nil && namespaceImpossible(err) {
		logLine("warn", "the plugin's network cannot be taken away by a namespace: "+strings.TrimPrefix(err.Error(), "fork/exec /proc/self/exe: "))
		return os.StartProcess("/proc/self/exe", args, attr)
	}
	return process, err
}

// handPipes makes the user the owner of pipes, because a program may open its
// /dev/stderr again, which only the owner of the pipe can do.
func (u User) handPipes(files ...*os.File) error {
	for _, f := range files {
		info, err := f.Stat()
		if err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
			err = f.Chown(int(u.UID), int(u.GID))
		}
		if err != nil {
			return fmt.Errorf("give the plugin its output: %w", err)
		}
	}
	return nil
}

// namespaceImpossible reports whether an error means that no namespace can be made.
func namespaceImpossible(err error) bool {
	for _, e := range []syscall.Errno{syscall.EPERM, syscall.EINVAL, syscall.ENOSPC, syscall.ENOSYS, syscall.EACCES, syscall.EUSERS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
