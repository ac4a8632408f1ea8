package prover_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/plugins/prover-zisk/prover"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// TestKillTool kills cargo-zisk alone, at each phase.
func TestKillTool(t *testing.T) {
	for _, version := range []string{"0.14.0", "0.16.1", "0.18.0"} {
		for _, at := range []string{"STARTING_ASM_MICROSERVICES", "CALCULATING_CONTRIBUTIONS", "GENERATING_PROOFS"} {
			t.Run(version+" "+at, func(t *testing.T) {
				b := newBench(t, zisktest.Scenario{Version: version, Fail: double.Hang, At: at, Services: true}, nil)
				p, task := b.open(), b.attempt(version)
				go func() {
					for !slices.Contains(task.phases(), at) {
						time.Sleep(time.Millisecond)
					}
					_ = syscall.Kill(b.tool.Calls()[0].PID, syscall.SIGKILL)
				}()
				_, err := p.Prove(t.Context(), task.Task)
				if class(err) != sdk.ClassRetryable || !strings.Contains(err.Error(), "killed") {
					t.Errorf("got %v", err)
				}
				b.assertClean()

				b.tool.Set(t, zisktest.Scenario{Version: version, Services: true})
				if _, err := p.Prove(t.Context(), b.attempt(version).Task); err != nil {
					t.Errorf("the next attempt: %v", err)
				}
				b.assertClean()
			})
		}
	}
}

// TestKillBetweenFiles kills the tool after it has written result.json and
// before the proof: the summary of a proof is no proof.
func TestKillBetweenFiles(t *testing.T) {
	b := newBench(t, zisktest.Scenario{FileMS: 60_000}, nil)
	p, task := b.open(), b.attempt("0.14.0")
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(task.Temp(), "output", "result.json")); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_ = syscall.Kill(b.tool.Calls()[0].PID, syscall.SIGKILL)
	}()
	_, err := p.Prove(t.Context(), task.Task)
	if class(err) != sdk.ClassRetryable || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(task.Dir, "out", "*")); len(left) > 0 {
		t.Errorf("published: %v", left)
	}
	b.assertClean()
}

// childConfig is what a test hands to a process that proves until it is killed.
type childConfig struct {
	Config prover.Config
	State  string
	Task   contract.Task
}

const childVariable = "PROVER_TEST_CHILD"

// child is the process.
func child(text string) error {
	var c childConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	p, err := prover.Open(context.Background(), c.Config, sdk.Env{StateDir: c.State, Log: log})
	if err != nil {
		return err
	}
	task, err := sdk.OpenTask(c.Task, log, func(e sdk.WorkEvent) error {
		if e.Progress != nil {
			fmt.Println(e.Progress.Phase)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = p.Prove(context.Background(), task)
	return err
}

// TestKillPlugin kills the process that runs cargo-zisk. What survives, as the
// services of 0.14 to 0.16 do, is gone after the stage was opened again.
func TestKillPlugin(t *testing.T) {
	for i, version := range []string{"0.14.0", "0.16.1", "0.17.0", "0.18.0", "0.14.0", "0.16.1", "0.17.0", "0.18.0"} {
		at := []string{"STARTING_ASM_MICROSERVICES", "GENERATING_PROOFS"}[i/4]
		t.Run(version+" "+at, func(t *testing.T) {
			b := newBench(t, zisktest.Scenario{Version: version, Fail: double.Hang, At: at, Services: true}, nil)
			task := b.attempt(version)
			text, err := json.Marshal(childConfig{b.config(), b.state, task.Task.Task})
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+string(text))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			for buf := make([]byte, 256); !strings.Contains(said.String(), at); {
				n, err := out.Read(buf)
				if err != nil {
					t.Fatalf("the process ended early: %v, %s", err, &said)
				}
				said.Write(buf[:n])
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			left := len(machine.OwnerOf(b.state).Processes())
			t.Logf("%d processes were left", left)

			b.tool.Set(t, zisktest.Scenario{Version: version, Services: true})
			p := b.open()
			if n := len(machine.OwnerOf(b.state).Processes()); n > 0 {
				t.Errorf("%d processes are left after the stage was opened again", n)
			}
			if _, err := p.Prove(t.Context(), b.attempt(version).Task); err != nil {
				t.Error(err)
			}
			b.assertClean()
		})
	}
}

func TestSetup(t *testing.T) {
	b := newBench(t, zisktest.Scenario{SetupMS: 50, NeedSetup: true}, map[string]any{"setup": "auto"})
	p, err := prover.Open(t.Context(), b.config(), b.env())
	if err != nil {
		t.Fatal(err)
	}
	if h := p.Health(t.Context()); h.State != sdk.HealthUnavailable || !strings.Contains(h.Detail, "runs since") {
		t.Errorf("health while the set-up runs: %+v", h)
	}
	if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
		t.Fatal(err)
	}
	if h := p.Health(t.Context()); h.State != sdk.HealthReady {
		t.Errorf("health after the set-up: %+v", h)
	}
	subcommands := func() string {
		var names []string
		for _, c := range b.tool.Calls() {
			names = append(names, c.Args[0])
		}
		return strings.Join(names, " ")
	}
	if got := subcommands(); got != "check-setup rom-setup prove" {
		t.Errorf("calls: %s", got)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}

	// Once done it is done, until the program changes or its files vanish.
	p = b.open()
	if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
		t.Fatal(err)
	}
	if got := subcommands(); got != "check-setup rom-setup prove prove" {
		t.Errorf("calls: %s", got)
	}
	if err := os.RemoveAll(filepath.Join(b.home, ".zisk", "cache")); err != nil {
		t.Fatal(err)
	}
	_, err = p.Prove(t.Context(), b.attempt("0.14.0").Task)
	if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "assembly files") {
		t.Errorf("without the assembly files: %v", err)
	}
	if h := p.Health(t.Context()); h.State != sdk.HealthDegraded {
		t.Errorf("health without the assembly files: %+v", h)
	}
	if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
		t.Errorf("the set-up was not repeated: %v", err)
	}
}

func TestSetupFails(t *testing.T) {
	b := newBench(t, zisktest.Scenario{Version: "0.18.0", Fail: double.SetupFails}, map[string]any{"setup": "auto"})
	p := b.open()
	_, err := p.Prove(t.Context(), b.attempt("0.18.0").Task)
	if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "proving key is missing") || remedy(err) == "" {
		t.Errorf("got %v", err)
	}
	b.tool.Set(t, zisktest.Scenario{Version: "0.18.0"})
	if _, err := p.Prove(t.Context(), b.attempt("0.18.0").Task); err != nil {
		t.Errorf("after the cause was mended: %v", err)
	}
	b.assertClean()
}

// TestCloseDuringSetup ends the stage while the set-up runs.
func TestCloseDuringSetup(t *testing.T) {
	b := newBench(t, zisktest.Scenario{SetupMS: 60_000}, map[string]any{"setup": "auto"})
	p, err := prover.Open(t.Context(), b.config(), b.env())
	if err != nil {
		t.Fatal(err)
	}
	for len(b.tool.Calls()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	b.assertClean()
}

func TestProgramKeyIsPinned(t *testing.T) {
	b := newBench(t, zisktest.Scenario{}, map[string]any{"setup": "auto", "program_key": strings.Repeat("01", 32)})
	_, err := b.open().Prove(t.Context(), b.attempt("0.14.0").Task)
	if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "program_key") {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		scenario zisktest.Scenario
		config   map[string]any
		want     string
	}{
		"no tool":           {zisktest.Scenario{}, map[string]any{"bin": "cargo-zisk-that-is-not-there"}, "neither in PATH nor in ~/.zisk/bin"},
		"no such path":      {zisktest.Scenario{}, map[string]any{"bin": "/nowhere/cargo-zisk"}, "no program"},
		"not the tool":      {zisktest.Scenario{}, map[string]any{"bin": "/bin/true"}, "names no version"},
		"too old":           {zisktest.Scenario{Version: "0.13.0"}, nil, "not supported"},
		"no such program":   {zisktest.Scenario{}, map[string]any{"elf": "/nowhere/guest.elf"}, "guest program"},
		"minimal too early": {zisktest.Scenario{Version: "0.15.0"}, map[string]any{"minimal": "yes"}, "minimal proofs"},
		"no key for 0.16":   {zisktest.Scenario{Version: "0.16.1"}, map[string]any{"proving_key": "/nowhere"}, "key of the proving setup"},
		"unreadable key":    {zisktest.Scenario{}, map[string]any{"verify_key": "/etc/hostname"}, "key of the proving setup"},
		"port too late":     {zisktest.Scenario{Version: "0.18.0"}, map[string]any{"port": 23115}, "base port"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tc.scenario, tc.config)
			_, err := prover.Open(t.Context(), b.config(), b.env())
			if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), tc.want) || remedy(err) == "" {
				t.Errorf("got %v, %s", err, class(err))
			}
		})
	}
}

// TestLearning has the time of a proof estimated, and a hung one stopped, from
// those before.
func TestLearning(t *testing.T) {
	b := newBench(t, zisktest.Scenario{PhaseMS: 5}, map[string]any{"deadline_factor": 4})
	p := b.open()
	estimates := 0
	for i := range 20 {
		task := b.attempt("0.14.0")
		if _, err := p.Prove(t.Context(), task.Task); err != nil {
			t.Fatal(err)
		}
		known := false
		for _, e := range task.events {
			known = known || e.Progress != nil && e.Progress.ETA > 0
		}
		if known && i < 3 {
			t.Errorf("proof %d: a remaining time with nothing to learn from", i)
		}
		if known {
			estimates++
		}
	}
	// A run that takes longer than all before has no time left to show.
	if estimates == 0 {
		t.Error("no proof had a remaining time")
	}
	b.tool.Set(t, zisktest.Scenario{Fail: double.Hang})
	_, err := p.Prove(t.Context(), b.attempt("0.14.0").Task)
	if class(err) != sdk.ClassRetryable || !strings.Contains(err.Error(), "much longer") {
		t.Errorf("got %v", err)
	}
	b.assertClean()
}

func TestRelease(t *testing.T) {
	s := zisktest.Scenario{Version: "0.18.0", Build: "gpu", GPUs: []string{"0, GPU-aaaa, NVIDIA GeForce RTX 4090, 8.9, 24564, 24000, 570.86"}, VRAMLingerMS: 300}
	b := newBench(t, s, nil)
	p := b.open()
	var ends []time.Time
	for range 2 {
		result, err := p.Prove(t.Context(), b.attempt("0.18.0").Task)
		if err != nil {
			t.Fatal(err)
		}
		if result.Facts["gpus"] != "1 × NVIDIA GeForce RTX 4090" {
			t.Errorf("facts %v", result.Facts)
		}
		ends = append(ends, time.Now())
	}
	calls := b.tool.Calls()
	if !slices.Contains(calls[0].Args, "--gpu") {
		t.Errorf("the GPU was not used: %v", calls[0].Args)
	}
	if gap := calls[1].Start.Sub(ends[0]); gap < 250*time.Millisecond {
		t.Errorf("the second proof began %v after the first, before the card was free", gap)
	}
}

// BenchmarkGap measures what lies between the end of one run of the tool and
// the start of the next: ours, with the tool's start-up of about a millisecond.
// The double's services are off, so that there is nothing to clean; ended
// services and the release of GPU memory take their own time.
func BenchmarkGap(b *testing.B) {
	for _, services := range []bool{false, true} {
		b.Run(fmt.Sprintf("services=%t", services), func(b *testing.B) {
			bench := newBench(b, zisktest.Scenario{Services: services}, nil)
			p, err := prover.Open(b.Context(), bench.config(), sdk.Env{StateDir: bench.state, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			for b.Loop() {
				b.StopTimer()
				task := bench.attempt("0.14.0")
				b.StartTimer()
				if _, err := p.Prove(b.Context(), task.Task); err != nil {
					b.Fatal(err)
				}
			}
			calls := bench.tool.Calls()
			var gaps []time.Duration
			for i := range calls[1:] {
				gaps = append(gaps, calls[i+1].Start.Sub(calls[i].End))
			}
			if len(gaps) > 0 {
				slices.Sort(gaps)
				b.ReportMetric(float64(gaps[len(gaps)/2].Microseconds())/1000, "median-gap-ms")
				b.ReportMetric(float64(gaps[len(gaps)*95/100].Microseconds())/1000, "p95-gap-ms")
			}
		})
	}
}

// TestChanges replaces tool and program under an open stage.
func TestChanges(t *testing.T) {
	b := newBench(t, zisktest.Scenario{}, nil)
	p := b.open()
	touch := func(path string) {
		t.Helper()
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	touch(b.tool.Path)
	touch(b.elf)
	if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
		t.Errorf("the same files with other times: %v", err)
	}
	refused := func(want string) {
		t.Helper()
		_, err := p.Prove(t.Context(), b.attempt("0.14.0").Task)
		if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), want) || remedy(err) == "" {
			t.Errorf("got %v, %s; want %q", err, class(err), want)
		}
	}
	if err := os.WriteFile(b.elf, []byte("another program"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("the guest program")
	touch(b.tool.Path)
	if err := os.Chtimes(b.tool.Path, time.Time{}, time.Now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.tool.Set(t, zisktest.Scenario{Version: "0.15.0"})
	refused("is 0.15.0 now")
	if err := os.Remove(b.tool.Path); err != nil {
		t.Fatal(err)
	}
	refused("cargo-zisk")
	if n := len(b.tool.Calls()); n != 1 {
		t.Errorf("%d runs", n)
	}
}

// TestTranscript keeps the whole output of failed runs, and of the last ones
// only.
func TestTranscript(t *testing.T) {
	b := newBench(t, zisktest.Scenario{Fail: double.Panic}, nil)
	p := b.open()
	for i := range 22 {
		task := b.attempt("0.14.0")
		task.Attempt = uint32(i + 1)
		if _, err := p.Prove(t.Context(), task.Task); err == nil {
			t.Fatal("it succeeded")
		}
	}
	kept, _ := filepath.Glob(filepath.Join(b.state, "failed-runs", "*.log"))
	if len(kept) != 20 {
		t.Errorf("%d transcripts", len(kept))
	}
	text, err := os.ReadFile(filepath.Join(b.state, "failed-runs", "1-100-aabbccdd-22.log"))
	if err != nil || !strings.Contains(string(text), ">>> GENERATING_PROOFS") || !strings.Contains(string(text), "panicked at") {
		t.Errorf("transcript %q, %v", text, err)
	}
}
