// Package process runs an external tool for a plugin and leaves none of the tool's
// processes behind.
//
// The tool gets a process group of its own, an explicit environment, no standard
// input, and pipes for its output, which arrives line by line. When the context ends,
// the tool's group gets SIGTERM, and SIGKILL after the grace period:
//
//	running ─► exited
//	   └─ context ends ─► SIGTERM ─► exited within the grace period
//	                         └─ grace period over ─► SIGKILL ─► exited
//
// However the tool ended, the processes that it has started are then killed: those in
// its group, those below it in the process tree, and, by a mark in their environment,
// those that have left both. The tool is also killed when the plugin dies.
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

	// pipeDelay is the longest time that output is read after the tool has ended and
	// its descendants were killed. Only a process that cannot be killed holds a pipe open
	// for longer.
	pipeDelay = 2 * time.Second

	// markName is the name of the environment variable that all descendants inherit.
	markName = "PROOFLINE_TOOL_ID"
)

// Command is a tool to run. Its fields must not change while it runs; Run may be
// called again, also concurrently.
type Command struct {
	// Path is the tool: a path, or a name that is searched for in PATH.
	Path string
	Args []string // without the tool's own name
	Dir  string   // working directory; empty for the plugin's own
	// Env is the whole environment, as "name=value". Nil means an empty environment, not
	// the plugin's. Pass os.Environ() to hand on the plugin's.
	Env []string
	// Stdout and Stderr get each line of output without its end, in order. A line
	// ends with \n or \r. A line longer than MaxLine bytes is shortened. The two functions
	// are never called at the same time, nor after Run has returned. The tool may block on
	// its output while one of them runs. Nil drops the lines.
	Stdout, Stderr func(line string)
	// Started is called with the tool's process id as soon as the tool runs, before Stdout
	// and Stderr get a line of it. Run waits for its return. Nil is not called.
	Started func(pid int)
	// Grace is the time between SIGTERM and SIGKILL; zero means 10 s.
	Grace time.Duration
}

// Exit says how a tool ended.
type Exit struct {
	Code   int            // exit code; -1 when the tool was ended by a signal
	Signal syscall.Signal // 0 when the tool exited by itself
	// Killed is true when the grace period was over before the tool had ended.
	Killed bool
	// Survived is true when a descendant of the tool could not be killed in time.
	Survived bool
	Duration time.Duration // wall-clock time from the start to the end of tool and descendants
	Tail     []string      // the last non-empty lines of both streams, at most TailLines, each of at most 2 KiB
}

// ExitError is the error of a tool that did not end with exit code 0.
type ExitError struct {
	Tool string // base name of the tool
	Exit
}

// Error says how the tool ended, followed by its last line of output.
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

// Run starts the tool and returns when it and all its descendants have ended.
//
// The error is nil if the exit code is 0, and an *ExitError for every other end. If
// the tool was stopped because the context ended, the error wraps the context's
// cause, whatever the exit code. If the tool cannot be started, the error is an
// environment error with a remedy. The Exit is nil only if the tool was not started.
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

	exit := &Exit{Code: cmd.ProcessState.ExitCode(), Killed: killed, Survived: child.left, Duration: time.Since(begin), Tail: output.tail()}
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

// watch waits for the tool's end, and stops the tool when the context ends first. It
// reports whether it stopped the tool, and whether it had to kill it.
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
