package prover_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/plugins/prover-zisk/prover"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/procfs"
	"github.com/proofline/proofline/sdk/schema"
	"github.com/proofline/proofline/sdk/sdktest"
	"github.com/proofline/proofline/sdk/sdktest/freeport"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := child(text); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	zisktest.Cleanup()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// bench is a machine with a double of cargo-zisk for one test.
type bench struct {
	t     testing.TB
	tool  *zisktest.Tool
	home  string
	elf   string
	state string
	port  int
	conf  map[string]any
}

// newBench sets HOME, so tests that use it do not run in parallel.
func newBench(t testing.TB, s zisktest.Scenario, config map[string]any) *bench {
	t.Helper()
	b := &bench{t: t, tool: zisktest.New(t, s), home: t.TempDir(), state: t.TempDir(), conf: map[string]any{}}
	t.Setenv("HOME", b.home)
	t.Setenv("ZISK_HOME", "")
	t.Setenv("PATH", b.tool.Dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	b.elf = filepath.Join(b.home, "guest.elf")
	if err := os.WriteFile(b.elf, []byte("a guest program"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.giveKey()
	b.port = freeport.Take(t, 3)
	maps := map[string]any{"elf": b.elf, "bin": b.tool.Path, "lock_dir": t.TempDir(), "grace": "200ms", "setup": "skip",
		"verifier": "tool"} // the double's proofs prove nothing, and only its own verify accepts them
	if minor(s.Version) <= 16 {
		maps["port"] = b.port
	}
	for k, v := range config {
		if v == nil {
			delete(maps, k)
		} else {
			maps[k] = v
		}
	}
	b.conf = maps
	return b
}

// giveKey lays down the verification keys of a proving setup.
func (b *bench) giveKey() {
	b.t.Helper()
	for _, name := range []string{"vadcop_final", "vadcop_final_compressed"} {
		dir := filepath.Join(b.home, ".zisk", "provingKey", "zisk", name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".verkey.bin"), proof.Key{11, 22, 33, 44}.Bytes(), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// minor is the second number of 0.x versions, and 100 for later ones.
func minor(version string) int {
	if version == "" {
		return 14
	}
	if version[0] != '0' {
		return 100
	}
	n, _ := strconv.Atoi(version[2:4])
	return n
}

// check runs the preflight.
func (b *bench) check(t *testing.T) []sdk.Finding {
	c := b.config()
	return c.Check(t.Context())
}

func (b *bench) config() prover.Config {
	b.t.Helper()
	s, err := schema.For[prover.Config]()
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := json.Marshal(b.conf)
	if err != nil {
		b.t.Fatal(err)
	}
	var c prover.Config
	if findings := append(s.Decode(data, &c), c.Validate()...); len(findings) > 0 {
		b.t.Fatal(findings)
	}
	return c
}

func (b *bench) open() *prover.Prover {
	b.t.Helper()
	p, err := prover.Open(b.t.Context(), b.config(), b.env())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return p
}

func (b *bench) env() sdk.Env {
	return sdk.Env{Pipeline: "test", Stage: "prove", StateDir: b.state, Log: testLog(b.t)}
}

// testLog writes to the test's log, and to nowhere once the test is over.
func testLog(t testing.TB) *slog.Logger {
	w := &logWriter{t: t}
	t.Cleanup(func() { w.mu.Lock(); w.t = nil; w.mu.Unlock() })
	var out io.Writer = w
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type logWriter struct {
	mu sync.Mutex
	t  testing.TB
}

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Log(string(p[:len(p)-1]))
	}
	return len(p), nil
}

// task is an attempt with its directory, and what it sent.
type task struct {
	*sdk.Task
	mu     sync.Mutex
	events []sdk.WorkEvent
}

// attempt makes a task for the input, framed as the version wants it.
func (b *bench) attempt(version string) *task {
	input := []byte("the guest's input")
	if minor(version) >= 16 {
		input = append(binary.LittleEndian.AppendUint64(nil, uint64(len(input))), input...)
		input = append(input, make([]byte, -len(input)&7)...)
	}
	return b.attemptWith(input)
}

func (b *bench) attemptWith(input []byte) *task {
	b.t.Helper()
	dir := b.t.TempDir()
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "input.bin"), input, 0o600); err != nil {
		b.t.Fatal(err)
	}
	result := &task{}
	t, err := sdk.OpenTask(contract.Task{
		Pipeline: "test", Stage: "prove", Job: "1-100-aabbccdd", Attempt: 1, Dir: dir,
		Block:  contract.Block{ChainID: 1, Number: 100, GasUsed: 30_000_000},
		Inputs: []contract.Artifact{{Name: "input.bin", Path: "in/input.bin", Size: int64(len(input)), SHA256: sha256.Sum256(input)}},
	}, testLog(b.t), func(e sdk.WorkEvent) error {
		result.mu.Lock()
		defer result.mu.Unlock()
		result.events = append(result.events, e)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(t.Close)
	result.Task = t
	return result
}

func (t *task) phases() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var phases []string
	for _, e := range t.events {
		if e.Progress != nil && e.Progress.Phase != "" && (len(phases) == 0 || phases[len(phases)-1] != e.Progress.Phase) {
			phases = append(phases, e.Progress.Phase)
		}
	}
	return phases
}

// verification is the task with which the host has the outputs of an attempt
// verified.
func (b *bench) verification(of *task, result *sdk.Result) *sdk.Task {
	b.t.Helper()
	message := of.Task.Task
	message.Inputs = append(slices.Clone(message.Inputs), sdktest.Recorded(b.t, message.Dir, result.Outputs)...)
	t, err := sdk.OpenTask(message, testLog(b.t), func(sdk.WorkEvent) error { return nil })
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(t.Close)
	return t
}

// assertClean fails the test when a run has left a process, a port, shared
// memory or a lock behind.
func (b *bench) assertClean() {
	b.t.Helper()
	if pids := machine.OwnerOf(b.state).Processes(); len(pids) > 0 {
		b.t.Errorf("processes are left: %v (%s)", pids, procfs.Name(pids[0]))
	}
	if l := machine.Listeners(b.port, 3); len(l) > 0 {
		b.t.Errorf("%v", l)
	}
	numbers := []int{b.port, b.port + 1, b.port + 2}
	for _, c := range b.tool.Calls() {
		numbers = append(numbers, c.PID)
	}
	if left := machine.SharedEntries(numbers...); len(left) > 0 {
		b.t.Errorf("shared memory is left: %v", left)
	}
	// The lock is handed on in the background.
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	lock, err := machine.AcquireGPUs(ctx, b.conf["lock_dir"].(string), nil)
	if err != nil {
		b.t.Errorf("the cards are still locked: %v", err)
		return
	}
	lock.Release()
}

func class(err error) sdk.Class {
	if err == nil {
		return ""
	}
	return sdk.ClassOf(err)
}

func remedy(err error) string {
	if e, ok := errors.AsType[*sdk.Error](err); ok {
		return e.Remedy
	}
	return ""
}
