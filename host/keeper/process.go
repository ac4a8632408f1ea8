package keeper

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Command is a plugin to start under a keeper.
type Command struct {
	Options
	// Keeper is the command line of the keeper up to and including the word
	// "keeper"; empty for the program of its own that was built with this
	// executable, and for the executable itself where there is none.
	Keeper []string
	Argv   []string // the plugin; its first element is a path
	Env    []string // the whole environment of keeper and plugin
	Dir    string   // working directory; empty for the host's
	// Stdout and Stderr are inherited by the tree; Start closes them in the
	// calling process, also when it fails.
	Stdout, Stderr *os.File
}

// Process is a running keeper, seen from the host.
type Process struct {
	cmd     *exec.Cmd
	line    *os.File
	started chan struct{} // closed when plugin is set or can no longer be
	plugin  int
	done    chan struct{}
	exit    Exit
	orders  sync.Mutex
}

// Start starts a keeper. The tree ends when the calling process does, or after
// Stop or Kill.
func Start(c Command) (*Process, error) {
	defer c.Stdout.Close()
	defer c.Stderr.Close()
	host, far, err := newLifeline()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	self := c.Keeper
	if len(self) == 0 {
		self = command()
	}
	cmd := exec.Command(self[0])
	cmd.Args = append(append([]string{"proofline"}, self[1:]...), c.Options.Args(c.Argv...)...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.Env, c.Dir, c.Stdout, c.Stderr
	cmd.ExtraFiles = []*os.File{far} // becomes LifelineFD
	// Its own group, so that Ctrl-C at the terminal reaches the host only.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		host.Close()
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	p := &Process{cmd: cmd, line: host, started: make(chan struct{}), done: make(chan struct{})}
	go p.wait()
	return p, nil
}

// wait owns the process: it reads what the keeper says and reaps it.
func (p *Process) wait() {
	defer close(p.done)
	defer p.line.Close()
	p.plugin, _ = readStarted(p.line)
	close(p.started)
	_, _ = io.Copy(io.Discard, p.line) // until the keeper ends
	_ = p.cmd.Wait()                   // the state tells more than the error
	p.exit = exitOf(p.cmd.ProcessState, p.plugin != 0)
}

// PID is the keeper's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// PluginPID is the plugin's process id. It waits until the plugin is started.
func (p *Process) PluginPID(ctx context.Context) (int, error) {
	select {
	case <-p.started:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if p.plugin == 0 {
		return 0, fmt.Errorf("the keeper ended before it started the plugin")
	}
	return p.plugin, nil
}

// Stop asks for the end of the tree: SIGTERM, the grace period, SIGKILL. It
// does not wait.
func (p *Process) Stop() { p.order(orderStop) }

// Kill asks for the end of the tree without grace, also after Stop. It does not
// wait.
func (p *Process) Kill() { p.order(orderKill) }

func (p *Process) order(order byte) {
	p.orders.Lock()
	defer p.orders.Unlock()
	_, _ = p.line.Write([]byte{order}) // fails when the keeper is gone: nothing to stop
}

// Done closes when the keeper has ended; in the normal case the tree is gone
// then. After a keeper that was killed (Exit.KeeperKilled) it may not be.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit tells how the plugin ended; call it after Done.
func (p *Process) Exit() Exit { return p.exit }

// Exit is how a plugin under a keeper ended.
type Exit struct {
	Code         int  // the plugin's or 128 + signal; when it was not started, the keeper's own
	Started      bool // the plugin was started
	KeeperKilled bool // Code is about the keeper; what the plugin had started may live
}

func exitOf(state *os.ProcessState, started bool) Exit {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Code: 128 + int(status.Signal()), Started: started, KeeperKilled: true}
	}
	return Exit{Code: state.ExitCode(), Started: started}
}

func (e Exit) String() string {
	switch {
	case e.KeeperKilled:
		return fmt.Sprintf("its keeper was killed by %s", unix.SignalName(syscall.Signal(e.Code-128)))
	case !e.Started && e.Code == ExitLockBusy:
		return "its instance lock stayed busy"
	case !e.Started && e.Code == ExitNoStart:
		return "it could not be executed"
	case !e.Started:
		return "its keeper could not work"
	case e.Code > 128 && unix.SignalName(syscall.Signal(e.Code-128)) != "":
		return fmt.Sprintf("killed by %s", unix.SignalName(syscall.Signal(e.Code-128)))
	default:
		return fmt.Sprintf("exit status %d", e.Code)
	}
}
