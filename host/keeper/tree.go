package keeper

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/sdk/procfs"
)

// tree is the process tree of the plugin. It signals only direct children, adopted ones
// included. Only the keeper reaps them, so that their process ids cannot be reused
// meanwhile. A deeper process becomes a direct child when its parent dies.
type tree struct {
	plugin int
	exited chan int      // receives the plugin's exit code once
	empty  chan struct{} // closed when no child is left

	// mu is held while a child is reaped, and while children are listed and
	// signalled.
	mu     sync.Mutex
	reaped bool // the plugin was reaped, so that the id of its group may be reused
}

// newTree returns the tree of a plugin and starts to reap its processes.
func newTree(plugin int) *tree {
	t := &tree{plugin: plugin, exited: make(chan int, 1), empty: make(chan struct{})}
	go t.reap()
	return t
}

// reap reaps children until there are none.
func (t *tree) reap() {
	defer close(t.empty)
	for {
		// Wait without reaping first, so that mu is not held meanwhile.
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.ECHILD) {
			return
		}
		t.mu.Lock()
		for {
			var status unix.WaitStatus
			pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
			if err != nil || pid <= 0 {
				break
			}
			if pid == t.plugin {
				t.reaped = true
				t.exited <- exitCode(status)
			}
		}
		t.mu.Unlock()
	}
}

func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// terminate asks the plugin's process group to end. It also sends SIGCONT, because a
// stopped process would not receive SIGTERM.
func (t *tree) terminate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.reaped {
		_ = unix.Kill(-t.plugin, syscall.SIGCONT)
		_ = unix.Kill(-t.plugin, syscall.SIGTERM)
	}
}

// killAll kills all processes and returns when there are none. While the kernel cannot
// end a process, for example in a hung device driver, killAll waits and the instance
// lock stays busy.
func (t *tree) killAll() {
	const warnAfter = 10 * time.Second
	pause, began, warned := time.Millisecond, time.Now(), false
	for {
		select {
		case <-t.empty:
			return
		default:
		}
		left := t.killChildren()
		if !warned && time.Since(began) > warnAfter && len(left) > 0 {
			warned = true
			logLine("warn", "processes survive SIGKILL: "+procfs.Describe(left))
		}
		select {
		case <-t.empty:
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 250*time.Millisecond)
	}
}

// killChildren kills the direct children and returns their process ids.
func (t *tree) killChildren() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	children := procfs.Children(os.Getpid())
	for _, pid := range children {
		_ = unix.Kill(pid, syscall.SIGKILL)
	}
	return children
}
