//go:build !linux

package process

import (
	"os/exec"
	"syscall"
)

// child is one started tool.
type child struct {
	cmd     *exec.Cmd
	mark    string
	started chan error    // one value
	exited  chan struct{} // closed when the tool has ended
	reaped  chan struct{} // closed when everything is over
	group
}

// run starts the tool and waits for its end. The group is killed while its pid is
// no longer reserved, which other systems than Linux leave no way round.
func (p *child) run() {
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err := p.cmd.Start()
	if err == nil {
		p.lead(p.cmd.Process.Pid)
	}
	p.started <- err
	if err != nil {
		return
	}
	defer close(p.reaped)
	_ = p.cmd.Wait() // the state is in cmd.ProcessState
	close(p.exited)
	p.kill()
	p.release()
}

func (p *child) terminate() { p.signal(syscall.SIGTERM, syscall.SIGCONT) }

func (p *child) kill() { p.signal(syscall.SIGKILL) }
