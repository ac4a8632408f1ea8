package prover_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

// vector reads a file of the reference verifier's folder, or skips.
func vector(t *testing.T, name ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(witnesstest.Shared(t, append([]string{"vectors", "zisk-verifier", "fixtures"}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// savedAs re-encodes a proof as a release saves it.
func savedAs(t *testing.T, data []byte, layout proof.Layout) string {
	t.Helper()
	p, err := proof.Decode(data, "")
	if err != nil {
		t.Fatal(err)
	}
	p.Layout = layout
	path := filepath.Join(t.TempDir(), "proof.bin")
	if err := os.WriteFile(path, prooftest.Encode(p), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVerifyInProcess has cargo-zisk write a real proof of 1.1, which this
// process verifies on the bytes that would be sent, without the tool.
func TestVerifyInProcess(t *testing.T) {
	saved := vector(t, "shapes", "saved-1.1-minimal.bin")
	wire := vector(t, "1.1.0-alpha", "wire.bin")
	key := wire[len(wire)-32:]
	flipped, err := proof.Decode(saved, "")
	if err != nil {
		t.Fatal(err)
	}
	flipped.Body[12_345] ^= 1 << 20
	flippedFile := filepath.Join(t.TempDir(), "flipped.bin")
	if err := os.WriteFile(flippedFile, prooftest.Encode(flipped), 0o600); err != nil {
		t.Fatal(err)
	}
	good := savedAs(t, saved, proof.Bincode110)
	for name, tc := range map[string]struct {
		file   string
		key    []byte // of the installed proving setup
		config map[string]any
		class  sdk.Class
		text   string
	}{
		"real":              {good, key, nil, "", ""},
		"no key installed":  {good, nil, nil, "", ""},
		"builtin":           {good, key, map[string]any{"verifier": "builtin"}, "", ""},
		"program pinned":    {good, key, map[string]any{"program_key": programOf(t, saved)}, "", ""},
		"one bit flipped":   {flippedFile, key, nil, sdk.ClassRetryable, "the proof does not verify: "},
		"flipped, no key":   {flippedFile, nil, nil, sdk.ClassRetryable, "the proof does not verify: "},
		"another setup key": {good, proof.Setups[0].Key.Bytes(), nil, sdk.ClassEnvironment, "proving"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, zisktest.Scenario{Version: "1.1.0-alpha", ProofFile: tc.file}, map[string]any{"verifier": nil})
			for k, v := range tc.config {
				b.conf[k] = v
			}
			installed := filepath.Join(b.home, ".zisk", "provingKey", "zisk", "vadcop_final_compressed", "vadcop_final_compressed.verkey.bin")
			if tc.key == nil {
				if err := os.Remove(installed); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(installed, tc.key, 0o600); err != nil {
				t.Fatal(err)
			}
			p, task := b.open(), b.attempt("1.1.0-alpha")
			result, err := p.Prove(t.Context(), task.Task)
			if err == nil {
				for _, a := range result.Outputs {
					if a.Role == sdk.RoleProof {
						sent, readErr := os.ReadFile(filepath.Join(task.Dir, a.Path))
						if readErr != nil || tc.class == "" && !bytes.Equal(sent, wire) {
							t.Errorf("what would be sent is not the wire form of 1.1: %v", readErr)
						}
					}
				}
				err = p.Verify(t.Context(), b.verification(task, result))
			}
			if class(err) != tc.class || err != nil && !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, %s", err, class(err))
			}
			if slices.ContainsFunc(b.tool.Calls(), func(c double.Call) bool { return slices.Contains(c.Args, "verify") }) {
				t.Error("the tool was asked")
			}
		})
	}
}

// verdicts counts the verifications that a log tells of.
type verdicts struct {
	slog.Handler
	seen atomic.Int32
}

func (v *verdicts) Enabled(context.Context, slog.Level) bool { return true }

func (v *verdicts) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "the proof verifies" {
		v.seen.Add(1)
	}
	return v.Handler.Handle(ctx, r)
}

// TestVerifiedWhileTheToolEnds: a real tool takes a while to release its memory after it has
// written the proof. The proof is verified meanwhile, once.
func TestVerifiedWhileTheToolEnds(t *testing.T) {
	good := savedAs(t, vector(t, "shapes", "saved-1.1-minimal.bin"), proof.Bincode110)
	wire := vector(t, "1.1.0-alpha", "wire.bin")
	end := filepath.Join(t.TempDir(), "end")
	b := newBench(t, zisktest.Scenario{Version: "1.1.0-alpha", ProofFile: good, EndAt: end}, map[string]any{"verifier": nil})
	installed := filepath.Join(b.home, ".zisk", "provingKey", "zisk", "vadcop_final_compressed", "vadcop_final_compressed.verkey.bin")
	if err := os.WriteFile(installed, wire[len(wire)-32:], 0o600); err != nil {
		t.Fatal(err)
	}
	p, task := b.open(), b.attempt("1.1.0-alpha")
	log := &verdicts{Handler: slog.DiscardHandler}
	task.Log = slog.New(log)
	type answer struct {
		result *sdk.Result
		err    error
	}
	proved := make(chan answer, 1)
	go func() {
		result, err := p.Prove(t.Context(), task.Task)
		proved <- answer{result, err}
	}()
	for begin := time.Now(); log.seen.Load() == 0; time.Sleep(time.Millisecond) {
		select {
		case a := <-proved:
			t.Fatalf("ended before the tool has: %v", a.err)
		default:
		}
		if time.Since(begin) > time.Minute {
			t.Fatal("the verification waits for the end of the tool")
		}
	}
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := <-proved
	if a.err != nil {
		t.Fatal(a.err)
	}
	verification := b.verification(task, a.result)
	verification.Log = task.Log
	if err := p.Verify(t.Context(), verification); err != nil {
		t.Error(err)
	}
	if n := log.seen.Load(); n != 1 {
		t.Errorf("the proof was verified %d times", n)
	}
}

func programOf(t *testing.T, data []byte) string {
	t.Helper()
	p, err := proof.Decode(data, "")
	if err != nil {
		t.Fatal(err)
	}
	return p.Program().String()
}
