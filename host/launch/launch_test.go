package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
)

// Times that a test must not reach. The machine may be busy: what was seen is
// logged, not judged.
const limit = 30 * time.Second

// openRun opens a run over a data directory of the test's own.
func openRun(t *testing.T, data string) *Run {
	t.Helper()
	run, err := OpenRun(t.Context(), data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	run.Keeper = []string{os.Args[0], "keeper"}
	t.Cleanup(func() {
		if err := run.Close(); err != nil {
			t.Error(err)
		}
		if _, err := keeper.Sweep(context.Background(), keeper.Mark{Instance: run.Instance}, 0); err != nil {
			t.Error(err)
		}
	})
	return run
}

// chaosSpec starts the plugin of this binary. start is its misbehaviour before
// the handshake, or empty.
func chaosSpec(t *testing.T, start string) Spec {
	t.Helper()
	return specOver(openRun(t, t.TempDir()), start)
}

func specOver(run *Run, start string) Spec {
	_ = os.Setenv("CHAOS", start)
	return Spec{
		Run: run, Pipeline: "test", Stage: "prove",
		Binary:   catalog.Binary{Name: "prover-chaos", Path: os.Args[0], Manifest: chaosManifest},
		StateDir: filepath.Join(run.Locks, "state"), Env: []string{"CHAOS"},
		Log: slog.New(slog.DiscardHandler),
	}
}

func launch(t *testing.T, spec Spec) *Plugin {
	t.Helper()
	p, err := Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *Plugin) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func awaitDone(t *testing.T, p *Plugin) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(limit):
		t.Fatalf("the process is alive after %v", limit)
	}
}

func task(t *testing.T, job string) contract.Task {
	return contract.Task{Pipeline: "test", Stage: "prove", Job: job, Attempt: 1, Dir: t.TempDir(),
		Block: contract.Block{ChainID: 1, Number: 7, Hash: contract.Hash{1}}}
}

func ignore(contract.WorkEvent) error { return nil }

// alive reports whether the process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	after := stat[strings.LastIndexByte(string(stat), ')')+1:]
	return !strings.Contains("ZX", strings.Fields(string(after))[0])
}

func wantGone(t *testing.T, pids ...int) {
	t.Helper()
	began := time.Now()
	for slices.ContainsFunc(pids, alive) {
		if time.Since(began) > limit {
			t.Fatalf("of the processes %v some are alive after %v", pids, limit)
		}
		time.Sleep(time.Millisecond)
	}
	t.Logf("%d processes gone after %v", len(pids), time.Since(began).Round(time.Millisecond))
}

func TestLifeOfAPlugin(t *testing.T) {
	spec := chaosSpec(t, "")
	began := time.Now()
	p := launch(t, spec)
	t.Logf("up after %v", time.Since(began).Round(time.Millisecond))
	if !p.Traits().MakesProof || p.Traits().Note != "chaos prove" || p.Manifest().Name != "prover-chaos" {
		t.Errorf("%+v %+v", p.Traits(), p.Manifest())
	}
	if !alive(p.PID()) || !alive(p.KeeperPID()) || p.PID() == p.KeeperPID() {
		t.Errorf("plugin %d, keeper %d", p.PID(), p.KeeperPID())
	}
	if h, err := p.Health(t.Context()); err != nil || h.State != contract.HealthReady {
		t.Errorf("%+v %v", h, err)
	}
	if f, err := p.Check(t.Context(), []byte("{}"), true); err != nil || len(f) != 1 || f[0].Summary != "offline true" {
		t.Errorf("%+v %v", f, err)
	}
	if err := p.Verify(t.Context(), task(t, "")); err != nil {
		t.Error(err)
	}

	var phases, tokens []string
	_, err := p.Do(t.Context(), task(t, "count"), func(e contract.WorkEvent) error {
		switch {
		case e.Result != nil:
			t.Error("the result came as an event")
		case e.Resume != nil:
			tokens = append(tokens, string(e.Resume))
		case e.Progress.Phase != "":
			phases = append(phases, e.Progress.Phase)
		}
		return nil
	})
	if err != nil || len(phases) != 100 || !slices.Equal(tokens, []string{"token"}) {
		t.Fatalf("%v, %d phases, tokens %q", err, len(phases), tokens)
	}
	for i, phase := range phases {
		if phase != strconv.Itoa(i) {
			t.Fatalf("phase %d is %s", i, phase)
		}
	}
	_, err = p.Do(t.Context(), task(t, "refuse"), ignore)
	if contract.ClassOf(err) != contract.ClassPermanent || err.Error() != "the block has no transactions" {
		t.Errorf("%v (%v)", err, contract.ClassOf(err))
	}
	if _, err := p.Do(t.Context(), task(t, "empty"), ignore); contract.ClassOf(err) != contract.ClassPermanent {
		t.Errorf("%v", err)
	}
	_, err = p.Do(t.Context(), contract.Task{Job: "no block"}, ignore)
	if err != nil {
		t.Errorf("%v", err)
	}

	began = time.Now()
	stop(t, p)
	t.Logf("down after %v", time.Since(began).Round(time.Millisecond))
	if alive(p.PID()) || alive(p.KeeperPID()) {
		t.Error("the plugin outlives Stop")
	}
	if left, _ := os.ReadDir(spec.Run.Sockets); len(left) > 0 {
		t.Errorf("left in the socket directory: %v", left)
	}
	if _, err := p.Do(t.Context(), task(t, "count"), ignore); contract.ClassOf(err) != contract.ClassInterrupted {
		t.Errorf("%v", err)
	}
}

// A plugin without go-plugin: no TLS, no call to shut down.
func TestPluginInAnotherLanguage(t *testing.T) {
	p := launch(t, chaosSpec(t, "bare"))
	if _, err := p.Do(t.Context(), task(t, "count"), ignore); err != nil {
		t.Error(err)
	}
	began := time.Now()
	stop(t, p)
	t.Logf("down after %v", time.Since(began).Round(time.Millisecond))
}

func TestDeathDuringWork(t *testing.T) {
	for job, want := range map[string]string{
		"exit": "exit status 7; it wrote: fatal error: out of memory",
		"kill": "ended by SIGKILL",
	} {
		t.Run(job, func(t *testing.T) {
			p := launch(t, chaosSpec(t, ""))
			began := time.Now()
			_, err := p.Do(t.Context(), task(t, job), ignore)
			t.Logf("noticed after %v", time.Since(began).Round(time.Millisecond))
			if contract.ClassOf(err) != contract.ClassInterrupted || !strings.Contains(err.Error(), want) {
				t.Errorf("%v (%v)", err, contract.ClassOf(err))
			}
			awaitDone(t, p)
			if !strings.Contains(p.Err().Error(), want) {
				t.Error(p.Err())
			}
		})
	}
}

func TestSilentCallCostsTheProcess(t *testing.T) {
	for _, job := range []string{"silent", "freeze"} {
		t.Run(job, func(t *testing.T) {
			spec := chaosSpec(t, "")
			spec.HeartbeatTimeout, spec.Grace = 200*time.Millisecond, 200*time.Millisecond
			p := launch(t, spec)
			_, err := p.Do(t.Context(), task(t, job), ignore)
			if contract.ClassOf(err) != contract.ClassInterrupted || !strings.Contains(err.Error(), "no sign of life from prove") {
				t.Errorf("%v", err)
			}
			awaitDone(t, p)
			wantGone(t, p.PID(), p.KeeperPID())
		})
	}
}

func TestCancelledCallWaitsForItsHandler(t *testing.T) {
	p := launch(t, chaosSpec(t, ""))
	ctx, cancel := context.WithCancelCause(t.Context())
	reorg := errors.New("the block was orphaned")
	patient := task(t, "patient")
	_, err := p.Do(ctx, patient, func(contract.WorkEvent) error { cancel(reorg); return nil })
	if contract.ClassOf(err) != contract.ClassInterrupted || !errors.Is(err, reorg) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(patient.Dir, "tidied")); err != nil {
		t.Error("the call ended before its handler: ", err)
	}

	full := errors.New("disk full")
	patient = task(t, "patient")
	_, err = p.Do(t.Context(), patient, func(contract.WorkEvent) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(patient.Dir, "tidied")); err != nil {
		t.Error("the call ended before its handler: ", err)
	}
	if !alive(p.PID()) {
		t.Error("a plugin that obeys was stopped")
	}
}

func TestHandlerThatIgnoresCancellation(t *testing.T) {
	spec := chaosSpec(t, "")
	spec.Grace = 100 * time.Millisecond
	p := launch(t, spec)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.Do(ctx, task(t, "stubborn"), func(contract.WorkEvent) error { cancel(); return nil })
	if contract.ClassOf(err) != contract.ClassInterrupted {
		t.Errorf("%v", err)
	}
	awaitDone(t, p)
	if !strings.Contains(p.Err().Error(), "after it was cancelled") {
		t.Error(p.Err())
	}
}

func TestStopEndsFrozenPlugin(t *testing.T) {
	spec := chaosSpec(t, "")
	spec.Grace = 100 * time.Millisecond
	p := launch(t, spec)
	if err := syscall.Kill(p.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop(t, p)
	t.Logf("a stopped plugin is gone after %v", time.Since(began).Round(time.Millisecond))
	if alive(p.PID()) || alive(p.KeeperPID()) {
		t.Error("alive")
	}
}

func TestStopInAHurry(t *testing.T) {
	spec := chaosSpec(t, "")
	spec.Grace = time.Hour
	p := launch(t, spec)
	var calls sync.WaitGroup
	begun := make(chan struct{})
	calls.Go(func() {
		once := sync.OnceFunc(func() { close(begun) })
		_, err := p.Do(context.Background(), task(t, "stubborn"), func(contract.WorkEvent) error { once(); return nil })
		if contract.ClassOf(err) != contract.ClassInterrupted {
			t.Errorf("%v", err)
		}
	})
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
	calls.Wait()
	if alive(p.PID()) {
		t.Error("alive")
	}
}

func TestOutputCannotHarmTheHost(t *testing.T) {
	spec := chaosSpec(t, "")
	records := &recorder{}
	spec.Log = slog.New(records)
	p := launch(t, spec)
	if _, err := p.Do(t.Context(), task(t, "flood"), ignore); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	for _, want := range []string{
		"DEBUG line n=19999",
		`DEBUG {"@message":5,"@level":{},"@timestamp":[]}`,
		"INFO the end block=7",
		"DEBUG text on stdout",
	} {
		if !records.has(func(text string) bool { return text == want }) {
			t.Errorf("no record %q", want)
		}
	}
	if !records.has(func(text string) bool {
		return strings.HasPrefix(text, "DEBUG long long") && strings.HasSuffix(text, "bytes)") && len(text) < 2*maxPlain
	}) {
		t.Error("no record of the long line")
	}
}

func TestStartFailures(t *testing.T) {
	for _, c := range []struct {
		name, start, config, want string
		class                     contract.Class
	}{
		{name: "garbage", start: "garbage", want: `it wrote "Hello, world!" to stdout where the handshake belongs`},
		{name: "long garbage", start: "long garbage", want: "where the handshake belongs"},
		{name: "exit", start: "exit", want: "it ended before the handshake: exit status 3; it wrote: libcuda.so.1: cannot open"},
		{name: "late", start: "late", want: "no handshake within 300ms"},
		{name: "frozen", start: "frozen", want: "no handshake within 300ms"},
		{name: "stranger", start: "stranger", want: `its version is "9.9.9", not "1.0.0"`, class: contract.ClassPermanent},
		{name: "finding", config: "finding", want: "config/elf: no such file (build the guest)", class: contract.ClassPermanent},
		{name: "environment", config: "environment", want: "no GPU (load the driver)", class: contract.ClassEnvironment},
		{name: "dies in configure", config: "exit", want: "exit status 2; it wrote: panic: assignment", class: contract.ClassInterrupted},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := chaosSpec(t, c.start)
			if c.start == "late" || c.start == "frozen" {
				spec.StartTimeout = 300 * time.Millisecond
			}
			spec.Config, _ = json.Marshal(map[string]string{"Configure": c.config})
			p, err := Launch(t.Context(), spec)
			if err == nil {
				stop(t, p)
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || c.class != "" && contract.ClassOf(err) != c.class {
				t.Errorf("%v (%v), want %q", err, contract.ClassOf(err), c.want)
			}
			if err := keeper.WaitFree(t.Context(), spec.Run.lock("prove")); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("unexecutable", func(t *testing.T) {
		spec := chaosSpec(t, "")
		spec.Binary.Path = filepath.Join(t.TempDir(), "prover-chaos")
		if _, err := Launch(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "could not be executed") {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		spec := chaosSpec(t, "late")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := Launch(ctx, spec); contract.ClassOf(err) != contract.ClassInterrupted {
			t.Error(err)
		}
	})
}

func TestEnvironmentIsScrubbed(t *testing.T) {
	t.Setenv("ETHPROOFS_API_KEY", "hunter2")
	t.Setenv("CUDA_VISIBLE_DEVICES", "3")
	t.Setenv("ZISK_DIR", "/opt/zisk")
	t.Setenv("LD_LIBRARY_PATH", "/opt/lib")
	spec := chaosSpec(t, "")
	spec.Env = append(spec.Env, "ZISK_*")
	spec.Config = json.RawMessage(`{"Secret":"hunter3"}`)
	p := launch(t, spec)
	result, err := p.Do(t.Context(), task(t, "environment"), ignore)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"PATH": os.Getenv("PATH"), "CUDA_VISIBLE_DEVICES": "3", "ZISK_DIR": "/opt/zisk",
		keeper.EnvInstance: spec.Run.Instance, keeper.EnvRunID: spec.Run.ID, keeper.EnvStage: "prove",
	} {
		if got := result.Facts[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"ETHPROOFS_API_KEY", "LD_LIBRARY_PATH"} {
		if _, ok := result.Facts[name]; ok {
			t.Errorf("the plugin sees %s", name)
		}
	}
	for _, pid := range []int{p.PID(), p.KeeperPID()} {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "hunter") {
				t.Errorf("/proc/%d/%s shows a secret", pid, file)
			}
		}
	}
}

// playHost launches a plugin with a family, announces every process and lives
// on.
func playHost(data string) {
	run, err := OpenRun(context.Background(), data, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	run.Keeper = []string{os.Args[0], "keeper"}
	p, err := Launch(context.Background(), specOver(run, ""))
	if err != nil {
		panic(err)
	}
	result, err := p.Do(context.Background(), contract.Task{Job: "family", Block: contract.Block{Number: 1}}, ignore)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.KeeperPID(), result.Facts["pids"])
	select {}
}

func TestHostKilled(t *testing.T) {
	data := t.TempDir()
	host := exec.Command(os.Args[0], "host", data)
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Process.Kill(); _ = host.Wait() })
	pids := make([]int, 4) // keeper, plugin, child, daemon
	if _, err := fmt.Fscan(out, &pids[0], &pids[1], &pids[2], &pids[3]); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("precondition: %d of %v is not alive", pid, pids)
		}
	}
	note, err := os.ReadFile(filepath.Join(data, "run", "sockets"))
	if err != nil {
		t.Fatal(err)
	}
	_ = host.Process.Kill()
	_ = host.Wait()
	wantGone(t, pids...)

	run := openRun(t, data)
	if string(note) != run.Sockets {
		if _, err := os.Stat(string(note)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket directory of the killed host: %v", err)
		}
	}
	launch(t, specOver(run, ""))
}

func TestKeeperKilled(t *testing.T) {
	spec := chaosSpec(t, "")
	p := launch(t, spec)
	result, err := p.Do(t.Context(), task(t, "family"), ignore)
	if err != nil {
		t.Fatal(err)
	}
	var plugin, child, daemon int
	if _, err := fmt.Sscan(result.Facts["pids"], &plugin, &child, &daemon); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(p.KeeperPID(), syscall.SIGKILL)
	awaitDone(t, p)
	if !strings.Contains(p.Err().Error(), "keeper was killed by SIGKILL") {
		t.Error(p.Err())
	}
	if !alive(child) || !alive(daemon) {
		t.Fatal("precondition: child and daemon are not alive, there is nothing to sweep")
	}
	stop(t, p)
	wantGone(t, plugin, child, daemon)
	launch(t, spec)
}

// recorder keeps log records as text: "LEVEL message key=value".
type recorder struct {
	mu    sync.Mutex
	texts []string
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }
func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	text := record.Level.String() + " " + record.Message
	for a := range record.Attrs {
		text += " " + a.String()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
	return nil
}

func (r *recorder) has(match func(string) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.texts, match)
}
