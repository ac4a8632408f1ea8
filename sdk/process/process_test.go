//go:build linux

package process_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/process"
	"github.com/proofline/proofline/sdk/procfs"
)

// The test binary is also every tool: this variable says which one.
const toolName = "PROCESS_TEST_TOOL"

func TestMain(m *testing.M) {
	if tool, ok := tools[os.Getenv(toolName)]; ok {
		tool()
		os.Exit(0)
	}
	if testing.CoverMode() != "" { // a tool without it complains on standard error
		dir, err := os.MkdirTemp("", "cover-")
		if err != nil {
			panic(err)
		}
		coverage = []string{"GOCOVERDIR=" + dir}
		goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { _ = os.RemoveAll(dir); os.Exit(code) }))
	}
	goleak.VerifyTestMain(m)
}

// coverage is what a tool needs in its environment when coverage is measured.
var coverage []string

var tools map[string]func()

func init() { // tools refer to each other through the map
	tools = map[string]func(){
		"lines": func() {
			fmt.Print("one\ntwo\r\nthree\rfour")
			fmt.Fprintln(os.Stderr, "problem")
			os.Exit(3)
		},
		"environment": func() { fmt.Println(strings.Join(os.Environ(), " ")) },
		"sleep":       sleep,
		"stubborn": func() {
			signal.Ignore(syscall.SIGTERM)
			sleep()
		},
		"polite": func() {
			term := make(chan os.Signal, 1)
			signal.Notify(term, syscall.SIGTERM)
			fmt.Println("pid", os.Getpid())
			<-term
		},
		"stopped": func() {
			fmt.Println("pid", os.Getpid())
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			time.Sleep(time.Minute)
		},
		"flood": func() {
			w := bufio.NewWriter(os.Stdout)
			line := bytes.Repeat([]byte("x"), 1<<20)
			for range 20 {
				_, _ = w.Write(line)
			}
			for i := range 200_000 {
				fmt.Fprintln(w, "\nline", i)
			}
			_ = w.Flush()
		},
		// The next three leave something behind: in the group, in a session of its
		// own after a double fork, and below a parent that lives, without the
		// environment.
		"parent": func() { spawn("sleep", os.Environ(), nil) },
		"daemon": func() {
			spawn("daemon2", os.Environ(), &syscall.SysProcAttr{Setsid: true})
		},
		"daemon2": func() { spawn("sleep", os.Environ(), &syscall.SysProcAttr{Setsid: true}) },
		"scrub": func() {
			spawn("sleep", nil, &syscall.SysProcAttr{Setsid: true})
			sleep()
		},
		"plugin": func() {
			c := command("sleep")
			c.Stdout = func(line string) { fmt.Println(line) }
			_, _ = c.Run(context.Background())
		},
	}
}

func sleep() {
	fmt.Println("pid", os.Getpid())
	time.Sleep(time.Minute)
}

// spawn starts a tool that keeps standard output and error, and waits until it
// has said its pid, which passes on.
func spawn(tool string, env []string, attr *syscall.SysProcAttr) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, toolName+"=") }), toolName+"="+tool)
	cmd.SysProcAttr = attr
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		panic(err)
	}
	fmt.Print(line)
}

func command(tool string) *process.Command {
	return &process.Command{Path: os.Args[0], Env: append([]string{toolName + "=" + tool}, coverage...), Grace: 20 * time.Second}
}

// pids collects what tools say of themselves.
type pids struct {
	mu  sync.Mutex
	all []int
	got chan struct{}
}

func collect(c *process.Command) *pids {
	p := &pids{got: make(chan struct{}, 100)}
	c.Stdout = func(line string) {
		if text, ok := strings.CutPrefix(line, "pid "); ok {
			pid, _ := strconv.Atoi(text)
			p.mu.Lock()
			p.all = append(p.all, pid)
			p.mu.Unlock()
			p.got <- struct{}{}
		}
	}
	return p
}

// gone fails if one of the processes lives; a zombie does not.
func (p *pids) gone(t *testing.T, want int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) != want {
		t.Errorf("%d processes said their pid, want %d", len(p.all), want)
	}
	for _, pid := range p.all {
		if alive(pid) {
			t.Errorf("process %d is alive", pid)
		}
	}
}

func (p *pids) first() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[0]
}

// state returns the letter of a process's state, empty when there is none.
func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

func alive(pid int) bool { return !strings.Contains("ZX", state(pid)) }

// TestStartedBeforeTheFirstLine: the tool has printed everything and ended while Started
// still runs.
func TestStartedBeforeTheFirstLine(t *testing.T) {
	c := command("lines")
	var order []string
	c.Started = func(pid int) {
		for procfs.Alive(pid) {
			time.Sleep(time.Millisecond)
		}
		order = append(order, "started")
	}
	c.Stdout = func(line string) { order = append(order, line) }
	if exit, err := c.Run(t.Context()); exit == nil {
		t.Fatal(err)
	}
	if want := []string{"started", "one", "two", "three", "four"}; !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
}

func TestLinesAndExitCode(t *testing.T) {
	var stdout, stderr []string
	c := command("lines")
	c.Stdout = func(line string) { stdout = append(stdout, line) }
	c.Stderr = func(line string) { stderr = append(stderr, line) }
	exit, err := c.Run(t.Context())
	if want := []string{"one", "two", "three", "four"}; !slices.Equal(stdout, want) {
		t.Errorf("stdout %q, want %q", stdout, want)
	}
	if want := []string{"problem"}; !slices.Equal(stderr, want) {
		t.Errorf("stderr %q, want %q", stderr, want)
	}
	ended, ok := errors.AsType[*process.ExitError](err)
	if !ok || ended.Code != 3 || exit.Code != 3 || exit.Signal != 0 || exit.Killed || len(exit.Tail) != 5 {
		t.Errorf("exit %+v, error %v", exit, err)
	}
}

func TestEnvironmentIsExplicit(t *testing.T) {
	t.Setenv("PROCESS_TEST_LEAK", "1")
	var got string
	c := command("environment")
	c.Stdout = func(line string) { got = line }
	if _, err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got, "PROCESS_TEST_LEAK") || !strings.Contains(got, toolName+"=environment") {
		t.Errorf("environment %q", got)
	}
}

func TestNothingIsLeftAfterTheExit(t *testing.T) {
	for _, tool := range []string{"parent", "daemon"} {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			c := command(tool)
			p := collect(c)
			begin := time.Now()
			if _, err := c.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.gone(t, 1)
			t.Logf("%s: %v", tool, time.Since(begin))
		})
	}
}

func TestCancel(t *testing.T) {
	tests := []struct {
		tool   string
		grace  time.Duration
		pids   int
		killed bool
		signal syscall.Signal
	}{
		{"sleep", time.Minute, 1, false, syscall.SIGTERM},
		{"stopped", time.Minute, 1, false, syscall.SIGTERM},
		{"polite", time.Minute, 1, false, 0},
		{"scrub", time.Minute, 2, false, syscall.SIGTERM},
		{"stubborn", 50 * time.Millisecond, 1, true, syscall.SIGKILL},
	}
	for _, test := range tests {
		t.Run(test.tool, func(t *testing.T) {
			t.Parallel()
			c := command(test.tool)
			c.Grace = test.grace
			p := collect(c)
			cause := errors.New("the block was orphaned")
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				for range test.pids {
					<-p.got
				}
				for test.tool == "stopped" && state(p.first()) != "T" {
					time.Sleep(time.Millisecond)
				}
				cancel(cause)
			}()
			exit, err := c.Run(ctx)
			if !errors.Is(err, cause) {
				t.Errorf("error %v does not wrap the cause", err)
			}
			if exit.Killed != test.killed || exit.Signal != test.signal {
				t.Errorf("exit %+v", exit)
			}
			p.gone(t, test.pids)
		})
	}
}

func TestFlood(t *testing.T) {
	var count, longest int
	c := command("flood")
	c.Stdout = func(line string) { count++; longest = max(longest, len(line)) }
	exit, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := 400_000; count != want || longest != process.MaxLine {
		t.Errorf("%d lines, the longest of %d bytes; want %d of at most %d", count, longest, want, process.MaxLine)
	}
	if len(exit.Tail) != process.TailLines || exit.Tail[process.TailLines-1] != "line 199999" {
		t.Errorf("tail %q", exit.Tail)
	}
}

func TestToolDiesWithThePlugin(t *testing.T) {
	plugin := exec.Command(os.Args[0])
	plugin.Env = []string{toolName + "=plugin"}
	out, err := plugin.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "pid ")))
	_ = plugin.Process.Kill()
	_, _ = io.Copy(io.Discard, out)
	_ = plugin.Wait()
	for alive(pid) { // ends with the test's time limit
		time.Sleep(time.Millisecond)
	}
}

func TestStartErrors(t *testing.T) {
	plain := t.TempDir() + "/plain"
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	garbage := t.TempDir() + "/garbage"
	if err := os.WriteFile(garbage, []byte("\x7fELFtext"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"no-such-tool-anywhere", "/no/such/tool", plain, garbage} {
		c := &process.Command{Path: path}
		exit, err := c.Run(t.Context())
		classed, ok := errors.AsType[*contract.Error](err)
		if exit != nil || !ok || classed.Class != contract.ClassEnvironment || classed.Remedy == "" {
			t.Errorf("%s: %v, %v", path, exit, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := command("sleep").Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}
