package keeper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/procfs"
)

// The limits are generous, because the machine may be busy. Measured times are logged.
const (
	limit = 20 * time.Second
	long  = time.Hour
)

// running is a keeper under test with its tree's announcement.
type running struct {
	*Process
	pids   []int // the plugin first
	stderr *bufio.Scanner
}

func run(t *testing.T, options Options, env []string, role ...string) running {
	t.Helper()
	outRead, outWrite := pipe(t)
	errRead, errWrite := pipe(t)
	p, err := Start(Command{
		Options: options,
		Keeper:  []string{os.Args[0], "keeper"},
		Argv:    append([]string{os.Args[0], "role"}, role...),
		Env:     append(os.Environ(), env...),
		Stdout:  outWrite, Stderr: errWrite,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); <-p.Done() })
	r := running{Process: p, stderr: bufio.NewScanner(errRead)}
	switch role[0] {
	case "stubborn":
		r.line(t, "ready")
	case "exit":
	default:
		r.pids = announced(outRead)
	}
	return r
}

func pipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	return read, write
}

// line reads stderr until a line contains the text.
func (r running) line(t *testing.T, text string) {
	t.Helper()
	for r.stderr.Scan() {
		if strings.Contains(r.stderr.Text(), text) {
			return
		}
	}
	t.Fatalf("stderr ended without %q", text)
}

func (r running) wantExit(t *testing.T, code int) {
	t.Helper()
	select {
	case <-r.Done():
	case <-time.After(limit):
		t.Fatalf("the keeper is alive after %v", limit)
	}
	if got := r.Exit(); got.Code != code || got.KeeperKilled {
		t.Fatalf("exit %+v (%v), want code %d", got, got, code)
	}
}

func TestExitCodeIsThePlugins(t *testing.T) {
	run(t, Options{Grace: long}, nil, "exit", "7").wantExit(t, 7)
	run(t, Options{Grace: long}, nil, "exit", "kill").wantExit(t, 128+9)
}

func TestStopGivesTimeToTidyUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tidied")
	r := run(t, Options{Grace: long}, nil, "tidy", file)
	if pid, err := r.PluginPID(t.Context()); err != nil || pid != r.pids[0] {
		t.Fatalf("plugin pid %d, %v; the plugin says %d", pid, err, r.pids[0])
	}
	r.Stop()
	r.wantExit(t, 0)
	if _, err := os.Stat(file); err != nil {
		t.Fatal("the plugin did not see SIGTERM: ", err)
	}
}

func TestStopKillsAfterGrace(t *testing.T) {
	r := run(t, Options{Grace: 50 * time.Millisecond}, nil, "stubborn")
	r.Stop()
	r.wantExit(t, 128+9)
}

func TestKillEndsTheGrace(t *testing.T) {
	r := run(t, Options{Grace: long}, nil, "stubborn")
	r.Stop()
	r.Kill()
	r.wantExit(t, 128+9)
}

func TestStopWakesAStoppedPlugin(t *testing.T) {
	r := run(t, Options{Grace: long}, nil, "frozen")
	for {
		status, err := procfs.ReadStat(r.pids[0])
		if err != nil {
			t.Fatal(err)
		}
		if status.State == 'T' {
			break
		}
		time.Sleep(time.Millisecond)
	}
	r.Stop()
	r.wantExit(t, 128+15) // ended by SIGTERM, long before the grace is over
}

func TestWholeTreeEndsWithThePlugin(t *testing.T) {
	for _, role := range []string{"family", "deserter"} {
		t.Run(role, func(t *testing.T) {
			lock := filepath.Join(t.TempDir(), "lock")
			r := run(t, Options{Lock: lock, Grace: long}, nil, role)
			if role == "family" {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if err := WaitFree(ctx, lock); !errors.Is(err, ErrBusy) {
					t.Fatalf("the lock of a living tree: %v", err)
				}
				r.Stop()
				r.wantExit(t, 128+15)
			} else {
				r.wantExit(t, 3)
			}
			for _, pid := range r.pids {
				if procfs.Alive(pid) {
					t.Errorf("process %d outlives the keeper", pid)
				}
			}
			if err := WaitFree(t.Context(), lock); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestOneTreePerLock(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "lock")
	first := run(t, Options{Lock: lock, Grace: long}, nil, "family")
	second := run(t, Options{Lock: lock, LockWait: time.Millisecond}, nil, "exit", "7")
	second.wantExit(t, ExitLockBusy)
	second.line(t, ErrBusy.Error())
	if second.Exit().Started {
		t.Error("the second plugin was started")
	}
	first.Kill()
	third := run(t, Options{Lock: lock, LockWait: limit}, nil, "exit", "7")
	third.wantExit(t, 7)
}

func TestUnexecutablePlugin(t *testing.T) {
	out, outWrite := pipe(t)
	_, errWrite := pipe(t)
	p, err := Start(Command{
		Keeper: []string{os.Args[0], "keeper"}, Argv: []string{"/does/not/exist"},
		Env: os.Environ(), Stdout: outWrite, Stderr: errWrite,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PluginPID(t.Context()); err == nil {
		t.Error("a plugin that does not exist has a process id")
	}
	running{Process: p}.wantExit(t, ExitNoStart)
	if n, _ := out.Read(make([]byte, 1)); n != 0 {
		t.Error("the keeper wrote to stdout")
	}
}

func TestByHand(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "keeper", "--", "/bin/true")
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != ExitBroken || !strings.Contains(string(out), "not by hand") {
		t.Errorf("%v: %s", cmd.ProcessState, out)
	}
}

// TestHostKilled: a host that is killed takes everything with it: child, grandchild, and a
// daemon that forked twice into sessions of its own.
func TestHostKilled(t *testing.T) {
	host, pids := startHost(t, "family")
	for _, pid := range pids {
		if !procfs.Alive(pid) {
			t.Fatalf("precondition: process %d is not alive", pid)
		}
	}
	_ = host.Process.Kill()
	_ = host.Wait()
	wantGone(t, limit, pids...)
}

// TestKeeperKilledThenSweep: a keeper that is killed takes the plugin with it; the sweep ends the rest.
func TestKeeperKilledThenSweep(t *testing.T) {
	mark := Mark{Instance: instance(t), Stage: "prove"}
	lock := filepath.Join(t.TempDir(), "lock")
	env := []string{EnvInstance + "=" + mark.Instance, EnvStage + "=prove", EnvRunID + "=1"}
	r := run(t, Options{Lock: lock, Grace: long}, env, "family")
	plugin, rest := r.pids[0], r.pids[1:]
	_ = syscall.Kill(r.PID(), syscall.SIGKILL)
	<-r.Done()
	if !r.Exit().KeeperKilled {
		t.Errorf("exit %+v", r.Exit())
	}
	wantGone(t, limit, plugin)
	for _, pid := range rest {
		if !procfs.Alive(pid) {
			t.Fatalf("precondition: process %d is not alive, there is nothing to sweep", pid)
		}
	}

	for name, spared := range map[string]Mark{
		"another data directory": {Instance: mark.Instance + "x"},
		"another stage":          {Instance: mark.Instance, Stage: "input"},
		"the current run":        {Instance: mark.Instance, Spare: "1"},
	} {
		if killed, err := Sweep(t.Context(), spared, 0); killed != 0 || err != nil {
			t.Fatalf("the sweep of %s killed %d, %v", name, killed, err)
		}
	}
	killed, err := Sweep(t.Context(), mark, long)
	if err != nil || killed < len(rest) { // or more: the first half of the double fork may not be gone yet
		t.Fatalf("the sweep killed %d, %v; want at least %d", killed, err, len(rest))
	}
	wantGone(t, limit, rest...)
	if err := WaitFree(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
}

// TestSweepWaitsForKeepers: a sweep right after the host's death waits for living keepers.
func TestSweepWaitsForKeepers(t *testing.T) {
	mark := Mark{Instance: instance(t)}
	file := filepath.Join(t.TempDir(), "tidied")
	r := run(t, Options{Grace: long}, []string{EnvInstance + "=" + mark.Instance}, "tidy", file)
	r.Stop()
	if killed, err := Sweep(t.Context(), mark, long); killed != 0 || err != nil {
		t.Fatalf("the sweep killed %d, %v", killed, err)
	}
	r.wantExit(t, 0)
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// instance returns a mark for the test. Processes with the mark are killed at the end of
// the test.
func instance(t *testing.T) string {
	name := fmt.Sprintf("%s-%d-%d", t.Name(), os.Getpid(), time.Now().UnixNano())
	t.Cleanup(func() { _, _ = Sweep(context.Background(), Mark{Instance: name}, 0) })
	return name
}

// startHost runs the host role over another role; pids are the keeper and its
// tree.
func startHost(t *testing.T, role string) (*exec.Cmd, []int) {
	t.Helper()
	host := exec.Command(os.Args[0], "role", "host", filepath.Join(t.TempDir(), "lock"), role)
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Process.Kill(); _ = host.Wait() })
	return host, announced(out)[1:]
}

func TestOptionsRoundTrip(t *testing.T) {
	want := Options{Lock: "/run/a b.lock", LockWait: 3 * time.Second, Grace: 250 * time.Millisecond}
	got, argv, err := parse(want.Args("/bin/plugin", "-grace", "--"))
	if err != nil || got != want || strings.Join(argv, " ") != "/bin/plugin -grace --" {
		t.Errorf("%+v %q %v", got, argv, err)
	}
	if _, _, err := parse([]string{"-grace", "1s"}); err == nil {
		t.Error("no plugin and no error")
	}
}

// TestIgnoredSignalsStayIgnored: under nohup, SIGHUP ends neither the keeper nor its
// plugin, although the keeper normally handles the signal.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	signal.Ignore(syscall.SIGHUP) // children inherit it, unlike a handler
	defer signal.Reset(syscall.SIGHUP)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	p, err := Start(Command{
		Options: Options{Grace: time.Second},
		Keeper:  []string{os.Args[0], "keeper"},
		Argv:    []string{os.Args[0], "role", "family"},
		Env:     os.Environ(), Stdout: write, Stderr: stderrCopy(),
	})
	if err != nil {
		t.Fatal(err)
	}
	pids := append(announced(read), p.PID())
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "SigIgn:\t")
		field, _, _ := strings.Cut(after, "\n")
		mask, err := strconv.ParseUint(field, 16, 64)
		if err != nil || mask&(1<<(uint(syscall.SIGHUP)-1)) == 0 {
			t.Errorf("process %d does not ignore SIGHUP: %q, %v", pid, field, err)
		}
	}
	p.Stop()
	<-p.Done()
	wantGone(t, 30*time.Second, pids...)
}
