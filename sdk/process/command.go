// Package process runs an external tool for a plugin and leaves nothing of it
// behind.
//
// The tool gets a process group of its own, an explicit environment, no standard
// input, and pipes for its output, which arrives line by line. When the context
// ends the tool is told to stop (SIGTERM to its group, with SIGCONT for stopped
// processes), and after the grace period killed. Whatever the way it ended, every
// process that it started and left is killed too: what is in its group, what
// hangs below it, and, by a mark in the environment, what has moved away from
// both. On Linux the tool also dies when the plugin does.
//
// On other systems only the process group is reached.
package process

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/tracing"
)

const (
	defaultGrace = 10 * time.Second

	// pipeDelay is how long output is still read after the tool has ended and
	// its descendants were killed: only a process that cannot be killed holds a
	// pipe open for so long.
	pipeDelay = 2 * time.Second

	// markName names the environment variable that all descendants inherit.
	markName = "PROOFLINE_TOOL_ID"
)

// Command is a tool to run. Its fields must not change while it runs; Run may be
// called again, also concurrently.
type Command struct {
	// Path is the tool: a path, or a name that is looked up in PATH.
	Path string
	Args []string // without the tool's own name
	Dir  string   // working directory; empty for the plugin's own
	// Env is the whole environment, as "name=value". Nil is an empty one, never
	// the plugin's: pass os.Environ() where that is wanted.
	Env []string
	// Stdout and Stderr get each line of output without its end, in order. A line
	// ends with \n or \r; of one longer than MaxLine bytes the rest is left out.
	// The two are never called at the same time, nor after Run has returned. While
	// one runs the tool may block on its output. Nil drops the lines.
	Stdout, Stderr func(line string)
	// Started is called with the tool's process id once it runs, before Stdout and Stderr
	// get a line of it. Nil is not called.
	Started func(pid int)
	// Grace is the time between SIGTERM and SIGKILL; zero is 10 s.
	Grace time.Duration
}

// Exit says how a tool ended.
type Exit struct {
	Code   int            // exit code; -1 when ended by a signal
	Signal syscall.Signal // 0 when it exited by itself
	// Killed is true when the grace period was over before the tool had ended.
	Killed bool
	// Left is true when something that the tool had started could not be killed in time.
	Left     bool
	Duration time.Duration
	Tail     []string // the last lines of both streams, at most TailLines
}

// ExitError is the error of a tool that did not end with the exit code 0.
type ExitError struct {
	Tool string
	Exit
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("%s ended with exit code %d", e.Tool, e.Code)
	switch {
	case e.Signal == syscall.SIGKILL && !e.Killed:
		text = e.Tool + " was killed (SIGKILL), perhaps for want of memory"
	case e.Signal != 0:
		text = fmt.Sprintf("%s was ended by signal %d (%v)", e.Tool, int(e.Signal), e.Signal)
	}
	if len(e.Tail) > 0 {
		text += ": " + e.Tail[len(e.Tail)-1]
	}
	return text
}

// Run starts the tool and returns when it and all its descendants are gone.
//
// The error is nil if the exit code is 0, and an *ExitError for another end. If
// the tool was stopped because the context ended, the error wraps the context's
// cause, whatever the exit code. A tool that cannot be started is an environment
// error. The Exit is nil only if the tool was not started.
func (c *Command) Run(ctx context.Context) (_ *Exit, err error) {
	name := filepath.Base(c.Path)
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	ctx, end := tracing.Span(ctx, "run "+name)
	defer func() { end(err) }()
	mark := rand.Text()
	output := &output{}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(slices.Clone(c.Env), markName+"="+mark)
	stdout, stderr := output.stream(c.Stdout), output.stream(c.Stderr)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = pipeDelay

	begin := time.Now()
	child := &child{cmd: cmd, mark: mark, started: make(chan error, 1), exited: make(chan struct{}), reaped: make(chan struct{})}
	var wait sync.WaitGroup
	output.mu.Lock() // no line is handed on before Started has returned
	wait.Go(child.run)
	defer wait.Wait()
	err = <-child.started
	if err == nil && c.Started != nil {
		c.Started(cmd.Process.Pid)
	}
	output.mu.Unlock()
	if err != nil {
		return nil, startError(name, c, err)
	}
	stopped, killed := child.watch(ctx, cmp.Or(c.Grace, defaultGrace))
	<-child.reaped
	stdout.flush()
	stderr.flush()

	exit := &Exit{Code: cmd.ProcessState.ExitCode(), Killed: killed, Left: child.left, Duration: time.Since(begin), Tail: output.tail()}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit.Signal = status.Signal()
	}
	switch {
	case stopped && exit.Code == 0:
		return exit, fmt.Errorf("%s was stopped: %w", name, context.Cause(ctx))
	case stopped:
		return exit, fmt.Errorf("%w (%w)", &ExitError{Tool: name, Exit: *exit}, context.Cause(ctx))
	case exit.Code != 0:
		return exit, &ExitError{Tool: name, Exit: *exit}
	}
	return exit, nil
}

// watch waits for the tool's end and stops it when the context ends before. It
// reports whether it did, and whether the grace period was over.
func (p *child) watch(ctx context.Context, grace time.Duration) (stopped, killed bool) {
	select {
	case <-p.exited:
		return false, false
	case <-ctx.Done():
	}
	p.terminate()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true, false
	case <-timer.C:
	}
	p.kill()
	<-p.exited
	return true, true
}

func startError(name string, c *Command, err error) error {
	err = fmt.Errorf("start %s: %w", name, err)
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		return contract.Environment(err, fmt.Sprintf("install %s, put it into PATH, or configure its path", name))
	case errors.Is(err, fs.ErrPermission):
		return contract.Environment(err, fmt.Sprintf("make %s executable for this user", c.Path))
	case errors.Is(err, syscall.ENOEXEC):
		return contract.Environment(err, fmt.Sprintf("%s is no program for this machine: install the right build", c.Path))
	}
	return contract.Environment(err, "look at the machine's limits of processes and memory")
}
