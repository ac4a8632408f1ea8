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

// Main is the keeper process: it returns the exit code when the plugin and all
// that it started are gone. args is the command line after "keeper", as
// Options.Args makes it. It takes over signals and children of the whole
// process and is called from main only.
func Main(args []string) int {
	if len(args) > 0 && args[0] == confined {
		say("error", become(args).Error())
		return ExitNoStart
	}
	opts, argv, err := parse(args)
	if err != nil {
		return broken(err)
	}
	line, err := openLifeline()
	if err != nil {
		return broken(err)
	}
	// It is started by a link, whose name says nothing.
	_ = os.WriteFile("/proc/self/comm", []byte("keeper"), 0)
	// Handlers, unlike ignored signals, are not inherited by the plugin. A write
	// to the stderr of a dead host must not end the keeper.
	signals := make(chan os.Signal, 4)
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) { // as nohup does; it stays so, also for the plugin
			signal.Notify(signals, s)
		}
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return broken(fmt.Errorf("become the reaper of the plugin's orphans: %w", err))
	}
	stop, now := line.orders(signals)

	var lock *os.File
	if opts.Lock != "" {
		if lock, err = takeLock(opts.Lock, opts.LockWait, stop); err != nil {
			say("error", err.Error())
			return ExitLockBusy
		}
	}
	pid, err := start(argv, lock, limits{opts.Confine, opts.User})
	if err != nil {
		say("error", fmt.Sprintf("start the plugin: %v", err))
		return ExitNoStart
	}
	// Only now, or the plugin would inherit it. The plugin is to go first when
	// memory runs out. Lowering needs a privilege; without it nothing changes.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-500"), 0)
	line.started(pid)
	return watch(newTree(pid), opts.Grace, stop, now)
}

// watch waits for the end of the plugin or for the order to stop it, and then
// empties the tree.
func watch(t *tree, grace time.Duration, stop, now <-chan struct{}) int {
	code := 128 + int(syscall.SIGKILL)
	select {
	case code = <-t.exited:
	case <-stop:
		t.terminate()
		select {
		case code = <-t.exited:
		case <-now:
		case <-time.After(grace):
		}
	}
	t.killAll()
	select {
	case code = <-t.exited: // killed just now
	default:
	}
	return code
}

// start runs the plugin in its own process group, with the lock as an inherited
// file. The plugin dies when the keeper does.
func start(argv []string, lock *os.File, l limits) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	files := []*os.File{null, os.Stdout, os.Stderr}
	if lock != nil {
		files = append(files, lock)
	}
	type started struct {
		process *os.Process
		err     error
	}
	result := make(chan started)
	go func() {
		// The parent death signal belongs to the thread that forks: it must live
		// as long as the keeper, so this goroutine keeps it for good.
		runtime.LockOSThread()
		attr := &os.ProcAttr{Files: files, Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}}
		var process *os.Process
		var err error
		if l != (limits{}) {
			process, err = confine(l, argv, attr)
		} else {
			process, err = os.StartProcess(argv[0], argv, attr)
		}
		result <- started{process, err}
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

func broken(err error) int {
	say("error", err.Error())
	return ExitBroken
}

// say writes one line to stderr in the form that the host reads from plugins.
func say(level, message string) {
	line, _ := json.Marshal(map[string]string{
		"@level": level, "@message": strings.TrimSpace(message), "@module": "keeper",
		"@timestamp": time.Now().Format("2006-01-02T15:04:05.000000Z07:00"),
	})
	_, _ = os.Stderr.Write(append(line, '\n'))
}
