package prover_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/plugins/prover-zisk/prover"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/schema"
	"github.com/proofline/proofline/sdk/sdktest/freeport"
)

// newWarmBench is a bench whose stage keeps the server.
func newWarmBench(t testing.TB, s zisktest.Scenario, config map[string]any) *bench {
	t.Helper()
	b := newBench(t, s, config)
	b.conf["server"] = "on"
	for b.conf["server_port"] = b.port; b.conf["server_port"].(int) >= b.port && b.conf["server_port"].(int) < b.port+3; {
		b.conf["server_port"] = freeport.Take(t, 3)
	}
	return b
}

// calls returns the double's calls of a subcommand.
func (b *bench) calls(name string) []double.Call {
	return slices.DeleteFunc(b.tool.Calls(), func(c double.Call) bool { return c.Args[0] != name })
}

// assertStopped is assertClean, with the server's port.
func (b *bench) assertStopped() {
	b.t.Helper()
	b.assertClean()
	if l := machine.Listeners(b.conf["server_port"].(int), 1); len(l) > 0 {
		b.t.Errorf("%v", l)
	}
}

// openWarm is open for a test that closes the prover by itself.
func (b *bench) openWarm() *prover.Prover {
	b.t.Helper()
	p, err := prover.Open(b.t.Context(), b.config(), b.env())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = p.Close() })
	return p
}

// TestWarm has three proofs made by one process, for a server that answers a
// status at the end of the proof and for one that answers at once.
func TestWarm(t *testing.T) {
	for _, version := range []string{"0.14.0", "0.15.0"} {
		for _, answers := range []bool{false, true} {
			t.Run(version+" "+strconv.FormatBool(answers), func(t *testing.T) {
				b := newWarmBench(t, zisktest.Scenario{Version: version, Services: true, Steps: 4711, Seconds: 2.25, NeedSetup: true, PhaseMS: 5, FileMS: 30, StatusWhileProving: answers},
					map[string]any{"setup": "auto", "minimal_memory": true})
				p := b.openWarm()
				var ids []string
				var begun []time.Time
				for i := range 3 {
					task := b.attemptWith([]byte("input " + strconv.Itoa(i) + "!"))
					begun = append(begun, time.Now())
					result, err := p.Prove(t.Context(), task.Task)
					if err != nil {
						t.Fatal(err)
					}
					var names []string
					for _, a := range result.Outputs {
						names = append(names, a.Name)
					}
					want := []string{"result.json", "vadcop_final_proof.bin", "vadcop_final_proof.compressed.bin"}
					if version == "0.15.0" {
						want = want[:2]
					}
					if !slices.Equal(names, want) {
						t.Errorf("outputs %v, want %v", names, want)
					}
					if left, _ := filepath.Glob(filepath.Join(task.Temp(), "output", "*")); len(left) > 0 {
						t.Errorf("left in the output directory: %v", left)
					}
					if result.WorkTime != 2250*time.Millisecond || result.Facts["proving_cycles"] != "4711" {
						t.Errorf("%v, %v", result.WorkTime, result.Facts)
					}
					if phases := task.phases(); !slices.Contains(phases, "GENERATING_PROOFS") || slices.Contains(phases, "INITIALIZING_PROOFMAN") != (i == 0) {
						t.Errorf("proof %d: phases %v", i, phases)
					}
					if err := p.Verify(t.Context(), b.verification(task, result)); err != nil {
						t.Errorf("verify: %v", err)
					}
					ids = append(ids, result.Facts["verifier_id"])
				}
				if slices.Sort(ids); len(slices.Compact(ids)) != 3 {
					t.Errorf("proofs of three inputs have the ids %v", ids)
				}
				proofs := b.calls(double.ServerProve)
				if len(b.calls("server")) != 1 || len(b.calls("prove")) != 0 || len(proofs) != 3 {
					t.Fatalf("calls %+v", b.tool.Calls())
				}
				for i, c := range proofs {
					if c.PID != proofs[0].PID {
						t.Errorf("proof %d was made by process %d, the first by %d", i, c.PID, proofs[0].PID)
					}
					t.Logf("proof %d: %v from the call of Prove to the tool's start", i, c.Start.Sub(begun[i]).Round(10*time.Microsecond))
				}
				if !strings.Contains(p.Note(), "by a server") {
					t.Errorf("note %q", p.Note())
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				if b.calls("server")[0].End.IsZero() {
					t.Error("the server was not shut down in good order")
				}
				b.assertStopped()
			})
		}
	}
}

// TestWarmFailures fails the second proof of a server in every way: the class
// and the reason are those of a cold run, nothing is left, and the next attempt
// has another process.
func TestWarmFailures(t *testing.T) {
	for _, tc := range []struct {
		fail  double.Failure
		class sdk.Class
		text  string
	}{
		{double.Panic, sdk.ClassRetryable, "`Option::unwrap()`"},
		{double.CUDAAbort, sdk.ClassEnvironment, "unspecified launch failure"},
		{double.KernelImage, sdk.ClassEnvironment, "built for another GPU"},
		{double.ShortVRAM, sdk.ClassEnvironment, "too little free memory"},
		{double.OOM, sdk.ClassRetryable, "for memory"},
		{double.Segfault, sdk.ClassRetryable, "crashed"},
		{double.GuestPanic, sdk.ClassPermanent, "guest program refused"},
		{double.ServiceMute, sdk.ClassRetryable, "did not start"},
		{double.NoKey, sdk.ClassEnvironment, "proving key"},
		{double.Hang, sdk.ClassRetryable, "hung"},
		{double.NoFiles, sdk.ClassRetryable, "not written all files"},
		{double.CutProof, "", ""}, // found by Verify
		{double.WrongProof, "", ""},
		{double.WrongProgram, sdk.ClassRetryable, "of the program"},
	} {
		for _, answers := range []bool{false, true} {
			if answers && !slices.Contains([]double.Failure{double.Panic, double.CUDAAbort, double.Hang, double.NoFiles}, tc.fail) {
				continue // the answer makes no difference
			}
			t.Run(string(tc.fail)+" "+strconv.FormatBool(answers), func(t *testing.T) {
				good := zisktest.Scenario{Services: true, StatusWhileProving: answers}
				b := newWarmBench(t, good, map[string]any{"silence_timeout": silenceOf(tc.fail), "setup": "auto"})
				p := b.openWarm()
				if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
					t.Fatal(err)
				}
				bad := good
				bad.Fail = tc.fail
				b.tool.Set(t, bad)
				task := b.attempt("0.14.0")
				result, err := p.Prove(t.Context(), task.Task)
				b.tool.Set(t, good)
				if class(err) != tc.class || err != nil && !strings.Contains(err.Error(), tc.text) {
					t.Errorf("got %s: %v", class(err), err)
				}
				switch {
				case err == nil:
					if err := p.Verify(t.Context(), b.verification(task, result)); class(err) != sdk.ClassRetryable {
						t.Errorf("verify: %v", err)
					}
				case tc.fail != double.WrongProgram: // that server is replaced with the next proof
					b.assertStopped()
				}
				if err != nil && result != nil {
					t.Errorf("a result with an error: %+v", result)
				}
				if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
					t.Errorf("the next attempt: %v", err)
				}
				var pids []int
				for _, c := range b.calls(double.ServerProve) {
					pids = append(pids, c.PID)
				}
				if len(pids) != 3 || pids[0] != pids[1] || pids[1] == pids[2] {
					t.Errorf("the proofs were made by the processes %v", pids)
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				b.assertStopped()
			})
		}
	}
}

// silenceOf is the silence_timeout of a test whose tool fails so: only one that
// hangs needs a limit, and on a busy machine a good one is silent for a while too.
func silenceOf(fail double.Failure) string {
	if fail == double.Hang {
		return "4s"
	}
	return "5m"
}

// TestWarmStartFails fails the start of the server.
func TestWarmStartFails(t *testing.T) {
	for _, tc := range []struct {
		scenario zisktest.Scenario
		class    sdk.Class
		text     string
	}{
		{zisktest.Scenario{Fail: double.ShortVRAM, At: "INITIALIZING_PROOFMAN"}, sdk.ClassEnvironment, "too little free memory"},
		{zisktest.Scenario{Fail: double.CUDAAbort, At: "INITIALIZING_PROOFMAN"}, sdk.ClassEnvironment, "CUDA"},
		{zisktest.Scenario{Fail: double.Hang, At: "INITIALIZING_PROOFMAN"}, sdk.ClassRetryable, "hung"},
		{zisktest.Scenario{NeedSetup: true}, sdk.ClassEnvironment, "assembly files"},
	} {
		tc.scenario.Services = true
		b := newWarmBench(t, tc.scenario, map[string]any{"silence_timeout": silenceOf(tc.scenario.Fail)})
		p := b.openWarm()
		_, err := p.Prove(t.Context(), b.attempt("0.14.0").Task)
		if class(err) != tc.class || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: got %s: %v", tc.scenario.Fail, class(err), err)
		}
		b.assertStopped()
		b.tool.Set(t, zisktest.Scenario{Services: true})
		if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
			t.Errorf("the next attempt: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		b.assertStopped()
	}
}

// TestWarmStops cancels an attempt, and closes the stage, in the middle of a
// proof: a proof of the server cannot be stopped but with the server.
func TestWarmStops(t *testing.T) {
	for _, by := range []string{"cancel", "close"} {
		t.Run(by, func(t *testing.T) {
			b := newWarmBench(t, zisktest.Scenario{Services: true, Fail: double.Hang}, nil)
			p, task := b.openWarm(), b.attempt("0.14.0")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			stopping := make(chan struct{})
			go func() {
				defer close(stopping)
				for !slices.Contains(task.phases(), "GENERATING_PROOFS") {
					time.Sleep(time.Millisecond)
				}
				if by == "cancel" {
					cancel(errors.New("a reorg"))
				} else if err := p.Close(); err != nil {
					t.Error(err)
				}
			}()
			_, err := p.Prove(ctx, task.Task)
			if class(err) != sdk.ClassInterrupted {
				t.Errorf("got %s: %v", class(err), err)
			}
			<-stopping
			b.assertStopped()
			if by == "close" {
				return
			}
			b.tool.Set(t, zisktest.Scenario{Services: true})
			if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
				t.Errorf("the next attempt: %v", err)
			}
		})
	}
}

// TestWarmServerDies kills the idle server: the next proof has another one, in
// the same attempt.
func TestWarmServerDies(t *testing.T) {
	b := newWarmBench(t, zisktest.Scenario{Services: true}, nil)
	p := b.openWarm()
	for range 2 {
		if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
			t.Fatal(err)
		}
		servers := b.calls("server")
		pid := servers[len(servers)-1].PID
		died, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.PidfdSendSignal(died, unix.SIGKILL, nil, 0); err != nil {
			t.Fatal(err)
		}
		// Until its last thread has ended it may still accept a connection.
		for {
			if n, err := unix.Poll([]unix.PollFd{{Fd: int32(died), Events: unix.POLLIN}}, -1); n == 1 {
				break
			} else if err != nil && err != unix.EINTR {
				t.Fatal(err)
			}
		}
		unix.Close(died)
	}
	if n := len(b.calls("server")); n != 2 {
		t.Errorf("%d servers", n)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	b.assertStopped()
}

// TestWarmKillPlugin kills the process that keeps the server, in a proof. The
// next life of the stage finds a clean machine.
func TestWarmKillPlugin(t *testing.T) {
	b := newWarmBench(t, zisktest.Scenario{Services: true, Fail: double.Hang}, nil)
	text, err := json.Marshal(childConfig{b.config(), b.state, b.attempt("0.14.0").Task.Task})
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
	for buf := make([]byte, 256); !strings.Contains(said.String(), "GENERATING_PROOFS"); {
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
	t.Logf("%d processes were left", len(machine.OwnerOf(b.state).Processes()))

	b.tool.Set(t, zisktest.Scenario{Services: true})
	p := b.openWarm()
	b.assertStopped()
	if _, err := p.Prove(t.Context(), b.attempt("0.14.0").Task); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	b.assertStopped()
}

// TestWarmConcurrent has three attempts at once: the server makes one proof
// after the other.
func TestWarmConcurrent(t *testing.T) {
	b := newWarmBench(t, zisktest.Scenario{PhaseMS: 5}, nil)
	p := b.openWarm()
	errs := make(chan error, 3)
	for range 3 {
		task := b.attempt("0.14.0")
		go func() {
			_, err := p.Prove(t.Context(), task.Task)
			errs <- err
		}()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := len(b.calls("server")); n != 1 {
		t.Errorf("%d servers", n)
	}
	proofs := b.calls(double.ServerProve)
	for i := range proofs[1:] {
		if proofs[i+1].Start.Before(proofs[i].End) {
			t.Errorf("proof %d began before the end of the one before", i+1)
		}
	}
}

// TestWarmPortTaken has a stranger listen on the server's port.
func TestWarmPortTaken(t *testing.T) {
	b := newWarmBench(t, zisktest.Scenario{}, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	b.conf["server_port"] = listener.Addr().(*net.TCPAddr).Port
	_, err = b.openWarm().Prove(t.Context(), b.attempt("0.14.0").Task)
	if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "in use by process") || remedy(err) == "" {
		t.Errorf("got %s: %v", class(err), err)
	}
	b.assertClean()
}

func TestWarmConfig(t *testing.T) {
	for _, version := range []string{"0.16.1", "0.18.0", "1.0.0-beta"} {
		b := newBench(t, zisktest.Scenario{Version: version}, map[string]any{"server": "on"})
		_, err := prover.Open(t.Context(), b.config(), b.env())
		if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "has no server") || !strings.Contains(remedy(err), "server: off") {
			t.Errorf("%s: got %v", version, err)
		}
		found := slices.ContainsFunc(b.check(t), func(f sdk.Finding) bool {
			return f.Pointer == "/server" && f.Severity == sdk.SeverityError && f.Remedy != ""
		})
		if !found {
			t.Errorf("%s: doctor does not name the server", version)
		}
	}
	s, err := schema.For[prover.Config]()
	if err != nil {
		t.Fatal(err)
	}
	for text, pointer := range map[string]string{
		`{"elf":"/etc/hostname","server":"on"}`:                           "",
		`{"elf":"/etc/hostname","server":"on","action":"execute"}`:        "/server",
		`{"elf":"/etc/hostname","server":"on","server_port":23117}`:       "/server_port",
		`{"elf":"/etc/hostname","server":"on","server_port":80}`:          "/server_port",
		`{"elf":"/etc/hostname","server":"on","extra_args":["-x","-y"]}`:  "/extra_args/1",
		`{"elf":"/etc/hostname","server":"off","extra_args":["-x","-y"]}`: "",
		`{"elf":"/etc/hostname","server":"auto"}`:                         "/server",
	} {
		var c prover.Config
		findings := append(s.Decode([]byte(text), &c), c.Validate()...)
		if pointer == "" && len(findings) > 0 || pointer != "" && (len(findings) != 1 || findings[0].Pointer != pointer) {
			t.Errorf("%s: %v", text, findings)
		}
	}
}

// BenchmarkWarmGap measures what lies between the end of a server's proof and
// the start of the next.
func BenchmarkWarmGap(b *testing.B) {
	bench := newWarmBench(b, zisktest.Scenario{Services: true}, nil)
	p := bench.open()
	for b.Loop() {
		b.StopTimer()
		task := bench.attempt("0.14.0")
		b.StartTimer()
		if _, err := p.Prove(b.Context(), task.Task); err != nil {
			b.Fatal(err)
		}
	}
	var gaps []time.Duration
	proofs := bench.calls(double.ServerProve)
	for i := range proofs[1:] {
		gaps = append(gaps, proofs[i+1].Start.Sub(proofs[i].End))
	}
	if len(gaps) > 0 {
		slices.Sort(gaps)
		b.ReportMetric(float64(gaps[len(gaps)/2].Microseconds())/1000, "median-gap-ms")
		b.ReportMetric(float64(gaps[len(gaps)*95/100].Microseconds())/1000, "p95-gap-ms")
	}
}
