package process

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/sdk/procfs"
)

// sweepTime bounds the search for descendants: only one that cannot be killed
// lasts so long.
const sweepTime = 5 * time.Second

// child is one started tool.
type child struct {
	cmd     *exec.Cmd
	mark    string
	started chan error    // one value
	exited  chan struct{} // closed when the tool has ended; its pid is still reserved
	reaped  chan struct{} // closed when everything is over
	group

	below []int // pidfds of descendants; written only through group.with
}

// run starts the tool, waits for its end and clears up after it. All of it
// happens on one locked thread: the parent-death signal of the tool belongs to
// the thread that forked it, which must therefore outlive it.
func (p *child) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err := p.cmd.Start()
	if err == nil {
		p.lead(p.cmd.Process.Pid)
	}
	p.started <- err
	if err != nil {
		return
	}
	defer close(p.reaped)
	// Without reaping: as long as the zombie is there neither its pid nor its
	// process group can be used by anybody else.
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	close(p.exited)
	p.kill()
	p.release()
	for _, fd := range p.below {
		_ = unix.Close(fd)
	}
	_ = p.cmd.Wait() // the state is in cmd.ProcessState
}

// terminate asks the group to stop. A stopped process gets the signal only when
// it continues. The descendants are noted before: an end of the tool would detach
// them.
func (p *child) terminate() {
	p.note()
	p.signal(unix.SIGTERM, unix.SIGCONT)
}

// note remembers the processes that are below the tool now.
func (p *child) note() {
	p.with(func(leader int) { p.below = append(p.below, openTree(leader)...) })
}

// kill ends the group and every descendant, and returns when none is left.
func (p *child) kill() {
	end := time.Now().Add(sweepTime)
	p.note()
	p.signal(unix.SIGKILL)
	p.with(func(int) {
		for _, fd := range p.below {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
	})
	// A process that forks while it is searched for is found the next time.
	for mark := procfs.Variable(markName, p.mark); mark.KillAll() > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

// openTree returns pidfds of all processes below one.
func openTree(pid int) (fds []int) {
	for _, child := range procfs.Children(pid) {
		if fd, err := unix.PidfdOpen(child, 0); err == nil {
			fds = append(append(fds, fd), openTree(child)...)
		}
	}
	return fds
}
