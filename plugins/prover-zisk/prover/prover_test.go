package prover_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/plugins/prover-zisk/prover"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

var versions = []string{"0.14.0", "0.15.0", "0.16.1", "0.17.0", "0.18.0", "1.0.0-beta"}

func TestProve(t *testing.T) {
	outputs := map[string][]string{
		"0.14.0":     {"result.json", "vadcop_final_proof.bin", "*vadcop_final_proof.compressed.bin"},
		"0.15.0":     {"result.json", "*vadcop_final_proof.bin"},
		"0.16.1":     {"*proof.words.bin", "result.json", "vadcop_final_proof.bin"},
		"0.17.0":     {"*proof.words.bin", "result.json", "vadcop_final_proof.bin"},
		"0.18.0":     {"*proof.words.bin", "result.json", "vadcop_final_proof.bin"},
		"1.0.0-beta": {"*proof.words.bin", "result.json", "vadcop_final_proof.bin"},
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := newBench(t, zisktest.Scenario{Version: version, Services: true, Steps: 4711, Seconds: 2.25, NeedSetup: true},
				map[string]any{"setup": "auto"})
			p := b.open()
			task := b.attempt(version)
			result, err := p.Prove(t.Context(), task.Task)
			if err != nil {
				t.Fatal(err)
			}
			b.assertClean()

			var names []string
			var reported string
			for _, a := range result.Outputs {
				name := a.Name
				if a.Role == sdk.RoleProof {
					name = "*" + name
					reported = filepath.Join(task.Dir, a.Path)
				}
				names = append(names, name)
			}
			slices.Sort(names)
			want := slices.Clone(outputs[version])
			slices.Sort(want)
			if !slices.Equal(names, want) {
				t.Errorf("outputs %v, want %v", names, want)
			}
			if result.WorkTime != 2250*time.Millisecond {
				t.Errorf("work time %v", result.WorkTime)
			}
			if f := result.Facts; f["proving_cycles"] != "4711" || f["verifier_id"] == "" || f["zisk_version"] != version || f["test_proof"] != "true" {
				t.Errorf("facts %v", f)
			}
			data, err := os.ReadFile(reported)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(data, []byte("PROOFLINE-TEST-DOUBLE")) {
				t.Error("the reported bytes do not show that a double made them")
			}
			decoded, err := proof.Decode(data, "")
			if err != nil {
				t.Fatal(err)
			}
			if decoded.Program().String() != result.Facts["program_key"] || minor(version) >= 17 && !decoded.Minimal {
				t.Errorf("reported program %v, minimal %t", decoded.Program(), decoded.Minimal)
			}
			var summary struct {
				Cycles uint64
				ID     string
				Time   float64
			}
			text, err := os.ReadFile(filepath.Join(task.Dir, "out", "result.json"))
			if err == nil {
				err = json.Unmarshal(text, &summary)
			}
			if err != nil || summary.Cycles != 4711 || summary.ID != result.Facts["verifier_id"] || summary.Time != 2.25 {
				t.Errorf("result.json: %s (%v)", text, err)
			}
			if phases := task.phases(); phases[0] != "ACCEPTED" || phases[len(phases)-1] != sdk.PhaseCollecting || !slices.Contains(phases, "GENERATING_PROOFS") || !slices.Contains(phases, "CALCULATING_CONTRIBUTIONS") {
				t.Errorf("phases %v", phases)
			}
			if err := p.Verify(t.Context(), b.verification(task, result)); err != nil {
				t.Errorf("verify: %v", err)
			}
			if note := p.Note(); !strings.Contains(note, version) {
				t.Errorf("note %q", note)
			}
		})
	}
}

// TestNextWhileTheToolEnds: the next block may come when the tool has its proof, and waits
// in the prover until the tool has ended.
func TestNextWhileTheToolEnds(t *testing.T) {
	for _, version := range []string{"0.14.0", "0.16.1", "0.18.0", "1.0.0"} {
		t.Run(version, func(t *testing.T) {
			end := filepath.Join(t.TempDir(), "end")
			b := newBench(t, zisktest.Scenario{Version: version, EndAt: end}, nil)
			p := b.open()
			first, second := b.attempt(version), b.attempt(version)
			errs := make(chan error, 2)
			go func() { _, err := p.Prove(t.Context(), first.Task); errs <- err }()
			for !slices.Contains(first.phases(), sdk.PhaseCollecting) {
				select {
				case err := <-errs:
					t.Fatalf("ended before the tool has: %v", err)
				case <-time.After(time.Millisecond):
				}
			}
			go func() { _, err := p.Prove(t.Context(), second.Task); errs <- err }()
			if err := os.WriteFile(end, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			var calls []double.Call
			for _, c := range b.tool.Calls() {
				if c.Args[0] == "prove" {
					calls = append(calls, c)
				}
			}
			if len(calls) != 2 || calls[0].End.IsZero() || calls[1].Start.Before(calls[0].End) {
				t.Errorf("calls %+v, want two, one after the other", calls)
			}
		})
	}
}

func TestGates(t *testing.T) {
	for _, version := range versions {
		for _, action := range []string{"execute", "verify-constraints"} {
			t.Run(version+" "+action, func(t *testing.T) {
				b := newBench(t, zisktest.Scenario{Version: version, Services: true, Steps: 99, Seconds: 1.5}, map[string]any{"action": action})
				if version == "1.0.0-beta" && action == "verify-constraints" {
					_, err := prover.Open(t.Context(), b.config(), b.env())
					if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "cargo-zisk-dev") {
						t.Errorf("got %v", err)
					}
					return
				}
				p := b.open()
				if p.MakesProof() {
					t.Error("it says that it makes a proof")
				}
				task := b.attempt(version)
				result, err := p.Prove(t.Context(), task.Task)
				if err != nil {
					t.Fatal(err)
				}
				b.assertClean()
				if len(result.Outputs) != 1 || result.Outputs[0].Name != "execution.json" || result.Facts["proving_cycles"] != "99" || result.WorkTime != 1500*time.Millisecond {
					t.Errorf("%+v", result)
				}
			})
		}
	}
}

// TestFailures is the table of versions and ways to fail (two versions of each way, all
// with PROOFLINE_LONG): each ends in
// the right class, with the line that shows it, and leaves a clean machine.
func TestFailures(t *testing.T) {
	type want struct {
		class  sdk.Class
		text   string
		remedy bool
	}
	for i, tc := range []struct {
		fail double.Failure
		want want
	}{
		{double.Panic, want{sdk.ClassRetryable, "`Option::unwrap()`", false}},
		{double.CUDAAbort, want{sdk.ClassEnvironment, "unspecified launch failure", true}},
		{double.KernelImage, want{sdk.ClassEnvironment, "built for another GPU", true}},
		{double.ShortVRAM, want{sdk.ClassEnvironment, "too little free memory", true}},
		{double.OOM, want{sdk.ClassRetryable, "for memory", true}},
		{double.Segfault, want{sdk.ClassRetryable, "crashed", false}},
		{double.IllegalInstr, want{sdk.ClassEnvironment, "AVX-512", true}},
		{double.GuestPanic, want{sdk.ClassPermanent, "guest program", true}},
		{double.ServiceMute, want{sdk.ClassRetryable, "did not start", true}},
		{double.Memlock, want{sdk.ClassEnvironment, "lock their memory", true}},
		{double.NoKey, want{sdk.ClassEnvironment, "proving key", true}},
		{double.Hang, want{sdk.ClassRetryable, "hung", false}},
		{double.CutProof, want{sdk.ClassRetryable, "does not count", false}},
		{double.NoFiles, want{sdk.ClassRetryable, "is missing", false}},
		{double.WrongProgram, want{sdk.ClassRetryable, "of the program", false}},
	} {
		tried := versions
		if os.Getenv("PROOFLINE_LONG") == "" {
			tried = []string{versions[i%len(versions)], versions[len(versions)-1]}
		}
		for _, version := range slices.Compact(tried) {
			if tc.fail == double.CutProof && minor(version) <= 15 {
				continue // bare words do not show it: see TestVerifyRefuses
			}
			if tc.fail == double.GuestPanic && minor(version) >= 17 {
				tc.want.class = sdk.ClassRetryable // once: only the service's crash is seen
			}
			t.Run(string(tc.fail)+" "+version, func(t *testing.T) {
				s := zisktest.Scenario{Version: version, Fail: tc.fail, Services: true}
				config := map[string]any{"setup": "auto"}
				if tc.fail == double.Hang {
					config["silence_timeout"] = "300ms"
				}
				b := newBench(t, s, config)
				task := b.attempt(version)
				result, err := b.open().Prove(t.Context(), task.Task)
				if class(err) != tc.want.class || err == nil || !strings.Contains(err.Error(), tc.want.text) {
					t.Fatalf("got %v, %s: %v", result, class(err), err)
				}
				if (remedy(err) != "") != tc.want.remedy {
					t.Errorf("remedy %q", remedy(err))
				}
				b.assertClean()
				if left, _ := filepath.Glob(filepath.Join(task.Dir, "out", "*")); len(left) > 0 {
					t.Errorf("a failed attempt published %v", left)
				}
			})
		}
	}
}

// TestVerifyRefuses has a wrong proof that looks whole: only verification finds
// it out.
func TestVerifyRefuses(t *testing.T) {
	type tc struct {
		version string
		fail    double.Failure
	}
	cases := []tc{{"0.14.0", double.CutProof}, {"0.15.0", double.CutProof}}
	for _, version := range versions {
		cases = append(cases, tc{version, double.WrongProof})
	}
	for _, tc := range cases {
		t.Run(tc.version+" "+string(tc.fail), func(t *testing.T) {
			version := tc.version
			b := newBench(t, zisktest.Scenario{Version: version, Fail: tc.fail}, nil)
			p := b.open()
			task := b.attempt(version)
			result, err := p.Prove(t.Context(), task.Task)
			if err != nil {
				t.Fatal(err)
			}
			err = p.Verify(t.Context(), b.verification(task, result))
			if class(err) != sdk.ClassRetryable || !strings.Contains(err.Error(), "does not verify") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestVerifyFails has the tool itself fail while it verifies a good proof.
func TestVerifyFails(t *testing.T) {
	for _, version := range versions {
		b := newBench(t, zisktest.Scenario{Version: version}, nil)
		p, task := b.open(), b.attempt(version)
		result, err := p.Prove(t.Context(), task.Task)
		if err != nil {
			t.Fatal(err)
		}
		for fail, want := range map[double.Failure]sdk.Class{
			double.Panic: sdk.ClassEnvironment, double.OOM: sdk.ClassEnvironment, double.Segfault: sdk.ClassEnvironment,
			double.IllegalInstr: sdk.ClassEnvironment, double.NoKey: sdk.ClassEnvironment, double.Hang: sdk.ClassInterrupted, "": "",
		} {
			b.tool.Set(t, zisktest.Scenario{Version: version, Fail: fail, At: double.AtVerify})
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if fail == double.Hang {
				ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
			}
			err := p.Verify(ctx, b.verification(task, result))
			cancel()
			if class(err) != want {
				t.Errorf("%s, %s: got %v, %s", version, fail, err, class(err))
			}
		}
		b.assertClean()
	}
}

// TestExecuteFails is TestFailures for a gate, with the failures that an
// execution can have.
func TestExecuteFails(t *testing.T) {
	for _, version := range versions {
		for fail, want := range map[double.Failure]sdk.Class{
			double.Panic: sdk.ClassRetryable, double.OOM: sdk.ClassRetryable, double.Segfault: sdk.ClassRetryable,
			double.GuestPanic: sdk.ClassPermanent, double.Memlock: sdk.ClassEnvironment, double.IllegalInstr: sdk.ClassEnvironment, double.Hang: sdk.ClassRetryable,
		} {
			b := newBench(t, zisktest.Scenario{Version: version, Fail: fail, Services: true}, map[string]any{"action": "execute", "silence_timeout": "500ms"})
			if fail == double.GuestPanic && minor(version) >= 17 {
				want = sdk.ClassRetryable
			}
			result, err := b.open().Prove(t.Context(), b.attempt(version).Task)
			if class(err) != want {
				t.Errorf("%s, %s: got %v, %v", version, fail, result, err)
			}
			b.assertClean()
		}
	}
	// A GPU build of 0.14 and 0.15 has no execute.
	b := newBench(t, zisktest.Scenario{Build: "gpu"}, map[string]any{"action": "execute"})
	if _, err := b.open().Prove(t.Context(), b.attempt("0.14.0").Task); class(err) != sdk.ClassEnvironment || !strings.Contains(remedy(err), "CPU build") {
		t.Errorf("got %v", err)
	}
}

// TestVerifyReported changes the bytes that would be reported, but not the
// tool's own file.
func TestVerifyReported(t *testing.T) {
	for _, version := range []string{"0.14.0", "0.15.0", "0.18.0"} {
		b := newBench(t, zisktest.Scenario{Version: version}, nil)
		p, task := b.open(), b.attempt(version)
		result, err := p.Prove(t.Context(), task.Task)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range result.Outputs {
			if a.Role != sdk.RoleProof {
				continue
			}
			path := filepath.Join(task.Dir, a.Path)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)/2] ^= 1
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			result.Outputs[i].SHA256 = sha256.Sum256(data)
		}
		if err := p.Verify(t.Context(), b.verification(task, result)); class(err) != sdk.ClassRetryable {
			t.Errorf("%s: got %v", version, err)
		}
	}
}

func TestVerifyPinsTheSetup(t *testing.T) {
	b := newBench(t, zisktest.Scenario{Version: "0.18.0"}, nil)
	p := b.open()
	task := b.attempt("0.18.0")
	result, err := p.Prove(t.Context(), task.Task)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.verkey.bin")
	if err := os.WriteFile(other, proof.Key{1, 2, 3, 4}.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.conf["verify_key"] = other
	b.state = t.TempDir()
	err = b.open().Verify(t.Context(), b.verification(task, result))
	if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "proving setup") || remedy(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestCancel(t *testing.T) {
	for _, version := range []string{"0.14.0", "0.17.0", "0.18.0"} {
		for _, at := range []string{"STARTING_ASM_MICROSERVICES", "GENERATING_PROOFS"} {
			t.Run(version+" "+at, func(t *testing.T) {
				b := newBench(t, zisktest.Scenario{Version: version, Fail: double.Hang, At: at, Services: true}, nil)
				p := b.open()
				task := b.attempt(version)
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					for !slices.Contains(task.phases(), at) {
						time.Sleep(time.Millisecond)
					}
					cancel(errors.New("reorg"))
				}()
				_, err := p.Prove(ctx, task.Task)
				if class(err) != sdk.ClassInterrupted || !strings.Contains(err.Error(), "reorg") {
					t.Errorf("got %v", err)
				}
				b.assertClean()
			})
		}
	}
}

func TestFraming(t *testing.T) {
	raw := []byte("raw input")
	framed := append(binary.LittleEndian.AppendUint64(nil, 8), "12345678"...)
	for _, tc := range []struct {
		version string
		input   []byte
		want    string
	}{
		{"0.14.0", framed, "`framing: raw`"},
		{"0.16.1", raw, "`framing: framed`"},
		{"0.14.0", nil, "empty"},
	} {
		b := newBench(t, zisktest.Scenario{Version: tc.version}, nil)
		_, err := b.open().Prove(t.Context(), b.attemptWith(tc.input).Task)
		if class(err) != sdk.ClassPermanent || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.version, err)
		}
		if calls := b.tool.Calls(); len(calls) > 0 {
			t.Errorf("cargo-zisk was started: %v", calls)
		}
	}
}

// TestStrangers has another prover on the ports, which must be left alone.
func TestStrangers(t *testing.T) {
	b := newBench(t, zisktest.Scenario{Services: true}, nil)
	p := b.open()
	other := newBench(t, zisktest.Scenario{Services: true, Fail: double.Hang}, nil)
	other.conf["port"] = b.port
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		_, _ = other.open().Prove(ctx, other.attempt("0.14.0").Task)
	})
	for len(machine.Listeners(b.port, 3)) < 3 {
		time.Sleep(time.Millisecond)
	}
	_, err := p.Prove(t.Context(), b.attempt("0.14.0").Task)
	if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), fmt.Sprint(b.port)) || remedy(err) == "" {
		t.Errorf("got %v", err)
	}
	if n := len(machine.Listeners(b.port, 3)); n != 3 {
		t.Errorf("%d of 3 services of the other prover are left", n)
	}
	cancel()
	wait.Wait()
	b.assertClean()
}

// TestOneProofPerCard runs two stages on one card and one on another.
func TestOneProofPerCard(t *testing.T) {
	locks := t.TempDir()
	var benches []*bench
	for _, gpu := range []string{"0", "0", "1"} {
		benches = append(benches, newBench(t, zisktest.Scenario{Version: "0.18.0", PhaseMS: 20},
			map[string]any{"gpus": []string{gpu}, "lock_dir": locks}))
	}
	var wait sync.WaitGroup
	for _, b := range benches {
		p, task := b.open(), b.attempt("0.18.0")
		wait.Go(func() {
			if _, err := p.Prove(t.Context(), task.Task); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	first, second, other := benches[0].tool.Calls()[0], benches[1].tool.Calls()[0], benches[2].tool.Calls()[0]
	if gap := first.Start.Sub(second.Start).Abs(); gap < 7*20*time.Millisecond {
		t.Errorf("two proofs on one card began %v apart", gap)
	}
	if first.CUDAVisible != "0" || other.CUDAVisible != "1" {
		t.Errorf("cards %q and %q", first.CUDAVisible, other.CUDAVisible)
	}
}
