//go:build !linux

package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Command is a plugin to start under a keeper.
type Command struct {
	Options
	Keeper, Argv, Env []string
	Dir               string
	Stdout, Stderr    *os.File
}

// Process is a running keeper, seen from the host; here there is none.
type Process struct{}

// Exit is how a plugin under a keeper ended.
type Exit struct {
	Code                  int
	Started, KeeperKilled bool
}

func (e Exit) String() string { return fmt.Sprintf("exit status %d", e.Code) }

// Start returns ErrUnsupported.
func Start(c Command) (*Process, error) {
	c.Stdout.Close()
	c.Stderr.Close()
	return nil, ErrUnsupported
}

// PID is 0.
func (*Process) PID() int { return 0 }

// PluginPID returns ErrUnsupported.
func (*Process) PluginPID(context.Context) (int, error) { return 0, ErrUnsupported }

// Stop does nothing.
func (*Process) Stop() {}

// Kill does nothing.
func (*Process) Kill() {}

// Done is never closed.
func (*Process) Done() <-chan struct{} { return nil }

// Exit is the zero Exit.
func (*Process) Exit() Exit { return Exit{} }

// ErrUnsupported says that this operating system lacks what a keeper needs.
var ErrUnsupported = errors.New("plugins run under a keeper, which needs Linux (child sub-reaper, /proc, flock)")

// ErrBusy is in the chain of errors about an instance lock that stays busy.
var ErrBusy = errors.New("processes of an earlier start are still alive")

// Mark names the processes that Sweep ends, by their environment.
type Mark struct{ Instance, Stage, Spare string }

// Supported is the zero Support.
func Supported() Support { return Support{} }

// Main prints ErrUnsupported.
func Main([]string) int {
	fmt.Fprintln(os.Stderr, "proofline keeper:", ErrUnsupported)
	return ExitBroken
}

// Sweep returns ErrUnsupported.
func Sweep(context.Context, Mark, time.Duration) (int, error) { return 0, ErrUnsupported }

// WaitFree returns ErrUnsupported.
func WaitFree(context.Context, string) error { return ErrUnsupported }
