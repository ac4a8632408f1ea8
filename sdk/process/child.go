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

// sweepTime is the longest time that killing the descendants may take. Only a process
// that cannot be killed lasts longer.
const sweepTime = 5 * time.Second

// child is one started tool.
type child struct {
	cmd     *exec.Cmd
	mark    string
	started chan error    // one value
	exited  chan struct{} // closed when the tool has ended; its process id is still reserved
	reaped  chan struct{} // closed when the tool and its descendants have ended and were reaped
	group

	below []int // pidfds of descendants; accessed only inside group.with while the tool runs
	left  bool  // a descendant could not be killed in time; valid when reaped is closed
}

// run starts the tool, waits for its end and kills its descendants. It does so on one
// locked thread, because the kernel sends the tool's parent-death signal when the thread
// ends that forked the tool.
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
	// WNOWAIT leaves the tool as a zombie. As long as it exists, no other process can get
	// its process id or its process group.
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

// terminate sends SIGTERM to the group, and SIGCONT, because a stopped process gets a
// signal only when it continues. It notes the descendants before, because the end of the
// tool would detach them from it.
func (p *child) terminate() {
	p.note()
	p.signal(unix.SIGTERM, unix.SIGCONT)
}

// note stores pidfds of the processes that are now below the tool.
func (p *child) note() {
	p.with(func(leader int) { p.below = append(p.below, openTree(leader)...) })
}

// kill sends SIGKILL to the group and to every descendant. It returns when all of them
// have ended, or after sweepTime. It reports whether all have ended.
func (p *child) kill() bool {
	end := time.Now().Add(sweepTime)
	mark := procfs.Variable(markName, p.mark)
	p.note()
	for {
		// The search comes before the signal, because a dying process has lost its
		// environment and still holds its open files. A process that forks during the
		// search is found in the next round.
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

// await returns when the processes have ended, or at the time end.
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

// openTree returns pidfds of all processes below the process pid.
func openTree(pid int) (fds []int) {
	for _, child := range procfs.Children(pid) {
		if fd, err := unix.PidfdOpen(child, 0); err == nil {
			fds = append(append(fds, fd), openTree(child)...)
		}
	}
	return fds
}
