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
	// "keeper". Empty for the keeper program that was built with this executable, or
	// for this executable if there is no such program.
	Keeper []string
	Argv   []string // the plugin; its first element is a path
	Env    []string // the whole environment of keeper and plugin
	Dir    string   // working directory; empty for the host's
	// Stdout and Stderr are inherited by the process tree. Start closes them in the
	// calling process, also if it fails.
	Stdout, Stderr *os.File
}

// Process is a running keeper, seen from the host.
type Process struct {
	cmd      *exec.Cmd
	lifeline *os.File
	started  chan struct{} // closed when plugin is known, or the keeper has ended before
	plugin   int           // process id of the plugin; 0 if it was not started
	done     chan struct{}
	exit     Exit
	orderMu  sync.Mutex // serializes writes to the lifeline
}

// Start starts a keeper with its plugin. The process tree ends when the calling process
// ends, or after Stop or Kill.
func Start(c Command) (*Process, error) {
	defer c.Stdout.Close()
	defer c.Stderr.Close()
	hostEnd, keeperEnd, err := newLifeline()
	if err != nil {
		return nil, err
	}
	defer keeperEnd.Close()
	keeper := c.Keeper
	if len(keeper) == 0 {
		keeper = command()
	}
	cmd := exec.Command(keeper[0])
	cmd.Args = append(append([]string{"proofline"}, keeper[1:]...), c.Options.Args(c.Argv...)...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.Env, c.Dir, c.Stdout, c.Stderr
	cmd.ExtraFiles = []*os.File{keeperEnd} // becomes LifelineFD
	// A process group of its own, so that Ctrl-C at the terminal reaches the host only.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		hostEnd.Close()
		return nil, fmt.Errorf("start the keeper: %w", err)
	}
	p := &Process{cmd: cmd, lifeline: hostEnd, started: make(chan struct{}), done: make(chan struct{})}
	go p.wait()
	return p, nil
}

// wait reads the plugin's process id from the lifeline and waits for the keeper's end.
func (p *Process) wait() {
	defer close(p.done)
	defer p.lifeline.Close()
	p.plugin, _ = readStarted(p.lifeline)
	close(p.started)
	_, _ = io.Copy(io.Discard, p.lifeline) // until the keeper ends
	_ = p.cmd.Wait()                       // ProcessState has more than the error
	p.exit = exitOf(p.cmd.ProcessState, p.plugin != 0)
}

// PID returns the keeper's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// PluginPID returns the plugin's process id. It waits until the plugin is started. It
// fails if the keeper ends before that.
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

// Stop asks the keeper to end the process tree: SIGTERM, the grace period, SIGKILL. It
// does not wait.
func (p *Process) Stop() { p.order(orderStop) }

// Kill asks the keeper to end the process tree without grace. It may follow Stop. It
// does not wait.
func (p *Process) Kill() { p.order(orderKill) }

func (p *Process) order(order byte) {
	p.orderMu.Lock()
	defer p.orderMu.Unlock()
	_, _ = p.lifeline.Write([]byte{order}) // fails if the keeper has ended, and then there is nothing to stop
}

// Done returns a channel that is closed when the keeper has ended. All processes of the
// tree have ended then, unless the keeper was killed (Exit.KeeperKilled).
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit returns how the plugin ended. Call it after Done is closed.
func (p *Process) Exit() Exit { return p.exit }

// Exit is how a plugin under a keeper ended.
type Exit struct {
	Code         int  // exit code of the plugin, or 128 + signal; that of the keeper if the plugin was not started
	Started      bool // the plugin was started
	KeeperKilled bool // Code is that of the keeper; processes that the plugin had started may still run
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
