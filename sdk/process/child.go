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
	left  bool  // a descendant could not be killed in time; valid when reaped is closed
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
	p.left = !p.kill()
	p.release()
	await(p.below, time.Now().Add(sweepTime))
	closeAll(p.below)
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

// kill ends the group and every descendant, and returns when none is left that can be
// killed. It reports whether none is left at all.
func (p *child) kill() bool {
	end := time.Now().Add(sweepTime)
	mark := procfs.Variable(markName, p.mark)
	p.note()
	for {
		// They are looked for before the signal: a process that is dying has lost its
		// environment, and still holds what it has open. One that forks while it is
		// looked for is found the next time.
		marked := mark.Open()
		p.signal(unix.SIGKILL)
		p.with(func(int) { sendKill(p.below) })
		sendKill(marked)
		await(marked, end)
		closeAll(marked)
		if over := time.Now().After(end); len(marked) == 0 || over {
			return !over
		}
	}
}

func sendKill(pidfds []int) {
	for _, fd := range pidfds {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// await returns when the processes have ended, or at the end of the time.
func await(pidfds []int, end time.Time) {
	for _, fd := range pidfds {
		for left := time.Until(end); left > 0; left = time.Until(end) {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
	}
}

func closeAll(pidfds []int) {
	for _, fd := range pidfds {
		_ = unix.Close(fd)
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
