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

// tree is the plugin and everything below it. Direct children, adopted ones
// included, are the only processes it signals: the keeper alone reaps them, so
// their ids cannot be recycled meanwhile, and what is deeper becomes a direct
// child when its parent dies.
type tree struct {
	plugin int
	exited chan int      // receives the plugin's exit code once
	empty  chan struct{} // closed when no child is left

	// mu is held while a child is reaped, and while children are listed and
	// signalled.
	mu     sync.Mutex
	reaped bool // the plugin itself; its group id may be recycled from then on
}

// newTree starts reaping.
func newTree(plugin int) *tree {
	t := &tree{plugin: plugin, exited: make(chan int, 1), empty: make(chan struct{})}
	go t.reap()
	return t
}

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

// terminate asks the plugin's process group to end. A stopped process would
// never see the signal, hence the continue.
func (t *tree) terminate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.reaped {
		_ = unix.Kill(-t.plugin, syscall.SIGCONT)
		_ = unix.Kill(-t.plugin, syscall.SIGTERM)
	}
}

// killAll returns when the tree is empty. A process that the kernel cannot end
// (in a hung device driver) keeps it waiting, and the instance lock busy, for
// as long as that process lives.
func (t *tree) killAll() {
	const complainAfter = 10 * time.Second
	pause, began, complained := time.Millisecond, time.Now(), false
	for {
		select {
		case <-t.empty:
			return
		default:
		}
		left := t.killChildren()
		if !complained && time.Since(began) > complainAfter && len(left) > 0 {
			complained = true
			say("warn", "processes survive SIGKILL: "+procfs.Describe(left))
		}
		select {
		case <-t.empty:
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 250*time.Millisecond)
	}
}

func (t *tree) killChildren() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	children := procfs.Children(os.Getpid())
	for _, pid := range children {
		_ = unix.Kill(pid, syscall.SIGKILL)
	}
	return children
}
