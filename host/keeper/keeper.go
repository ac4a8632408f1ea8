package keeper

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Main runs the keeper process. It returns the exit code when the plugin and all
// processes that it started have ended. args is the command line after "keeper", as
// Options.Args returns it. Main handles the signals and children of the whole process,
// so it must be called from the function main only.
func Main(args []string) int {
	if len(args) > 0 && args[0] == confineCommand {
		logLine("error", execConfined(args).Error())
		return ExitNoStart
	}
	opts, argv, err := parse(args)
	if err != nil {
		return fail(err)
	}
	lifeline, err := openLifeline()
	if err != nil {
		return fail(err)
	}
	// The process was started through a link in /proc, whose name is not helpful in ps.
	_ = os.WriteFile("/proc/self/comm", []byte("keeper"), 0)
	// The plugin would inherit ignored signals, but does not inherit handlers. SIGPIPE
	// has one, because a write to the stderr of a dead host must not end the keeper.
	signals := make(chan os.Signal, 4)
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) { // a signal that nohup ignores stays ignored, for the plugin, too
			signal.Notify(signals, s)
		}
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fail(fmt.Errorf("become the reaper of the plugin's orphans: %w", err))
	}
	stop, kill := lifeline.orders(signals)

	var lock *os.File
	if opts.Lock != "" {
		if lock, err = takeLock(opts.Lock, opts.LockWait, stop); err != nil {
			logLine("error", err.Error())
			return ExitLockBusy
		}
	}
	pid, err := start(argv, lock, limits{opts.Confine, opts.User})
	if err != nil {
		logLine("error", fmt.Sprintf("start the plugin: %v", err))
		return ExitNoStart
	}
	// When memory runs out, the kernel must kill the plugin before the keeper. The score is
	// set after the start, because the plugin would inherit it. Lowering the score needs a
	// privilege; without it nothing changes.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-500"), 0)
	lifeline.started(pid)
	return watch(newTree(pid), opts.Grace, stop, kill)
}

// watch waits until the plugin ends or stop closes, and then ends all processes of the
// tree. kill ends the grace period. watch returns the exit code.
func watch(t *tree, grace time.Duration, stop, kill <-chan struct{}) int {
	code := 128 + int(syscall.SIGKILL)
	select {
	case code = <-t.exited:
	case <-stop:
		t.terminate()
		select {
		case code = <-t.exited:
		case <-kill:
		case <-time.After(grace):
		}
	}
	t.killAll()
	select {
	case code = <-t.exited: // killed by killAll
	default:
	}
	return code
}

// start starts the plugin in a process group of its own and returns its process id. The
// plugin inherits the lock, and dies when the keeper dies.
func start(argv []string, lock *os.File, l limits) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	files := []*os.File{null, os.Stdout, os.Stderr}
	if lock != nil {
		files = append(files, lock)
	}
	type startResult struct {
		process *os.Process
		err     error
	}
	result := make(chan startResult)
	go func() {
		// The parent death signal is sent when the thread that forked ends. So this
		// goroutine keeps its thread until the keeper ends.
		runtime.LockOSThread()
		attr := &os.ProcAttr{Files: files, Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}}
		var process *os.Process
		var err error
		if l != (limits{}) {
			process, err = confine(l, argv, attr)
		} else {
			process, err = os.StartProcess(argv[0], argv, attr)
		}
		result <- startResult{process, err}
		select {}
	}()
	s := <-result
	if s.err != nil {
		return 0, s.err
	}
	pid := s.process.Pid
	_ = s.process.Release() // tree is the only waiter
	return pid, nil
}

// fail logs an error and returns the exit code for it.
func fail(err error) int {
	logLine("error", err.Error())
	return ExitBroken
}

// logLine writes one line to stderr in the format of plugin logs, which the host reads.
func logLine(level, message string) {
	line, _ := json.Marshal(map[string]string{
		"@level": level, "@message": strings.TrimSpace(message), "@module": "keeper",
		"@timestamp": time.Now().Format("2006-01-02T15:04:05.000000Z07:00"),
	})
	_, _ = os.Stderr.Write(append(line, '\n'))
}
