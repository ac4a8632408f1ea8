package cluster_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/sdktest"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

// vector reads a file of the reference verifier's folder, or skips.
func vector(t *testing.T, name ...string) []byte {
	t.Helper()
	path := witnesstest.Shared(t, append([]string{"vectors", "zisk-verifier", "fixtures"}, name...)...)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// message re-encodes a wire form as a coordinator sends it.
func message(t *testing.T, wire []byte, layout proof.Layout) []byte {
	t.Helper()
	p, err := proof.Decode(wire, "")
	if err != nil {
		t.Fatal(err)
	}
	if p.Layout = layout; p.Family == "" {
		p.Family = proof.Poseidon1
	}
	return prooftest.Encode(p)
}

// TestVerifyInProcess has the coordinator give proofs that hold: a real one of
// ZisK 1.1 and synthetic ones of 1.3 and 1.4.
func TestVerifyInProcess(t *testing.T) {
	real := vector(t, "1.1.0-alpha", "wire.bin")
	p13 := vector(t, "synthetic", "1.3.0-alpha-poseidon1-vadcop_final_compressed.wire.bin.gz")
	p14 := vector(t, "synthetic", "1.4.0-alpha-poseidon2-vadcop_final_compressed.wire.bin.gz")
	p17 := vector(t, "synthetic", "0.16.0-poseidon2-vadcop_final_compressed.wire.bin.gz")
	flipped := bytes.Clone(real)
	flipped[100_000] ^= 4
	keyFile := func(key []byte) string {
		path := filepath.Join(t.TempDir(), "verkey.bin")
		if err := os.WriteFile(path, key, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tc := range map[string]struct {
		wire   []byte
		layout proof.Layout
		config map[string]any
		class  sdk.Class
		text   string
	}{
		"real":                   {real, proof.Bincode110, nil, "", ""},
		"real, version given":    {real, proof.Bincode110, map[string]any{"zisk_version": "1.1.0-alpha"}, "", ""},
		"real, as 1.2":           {real, proof.Bincode110, map[string]any{"zisk_version": "1.2"}, "", ""},
		"real, key pinned":       {real, proof.Bincode110, map[string]any{"verify_key": keyFile(real[len(real)-32:])}, "", ""},
		"real, one bit flipped":  {flipped, proof.Bincode110, nil, sdk.ClassRetryable, "the proof does not verify: "},
		"0.18":                   {p17, proof.Bincode018, nil, "", ""},
		"1.3, version found out": {p13, proof.Bincode110, nil, "", ""},
		"1.3":                    {p13, proof.Bincode110, map[string]any{"zisk_version": "1.3.2-alpha"}, "", ""},
		"1.3, said to be 1.1":    {p13, proof.Bincode110, map[string]any{"zisk_version": "1.1"}, sdk.ClassRetryable, "the proof does not verify: "},
		"1.4, shared openings":   {p14, proof.Bincode140, nil, "", ""},
		"1.4, said to be 1.1":    {p14, proof.Bincode140, map[string]any{"zisk_version": "1.1"}, sdk.ClassEnvironment, "not one of ZisK 1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			data := message(t, tc.wire, tc.layout)
			c := coordinatortest.Start(t, behaviour{Proof: data})
			b := newBench(t, c.URL(), tc.config)
			prover, attempt := b.open(), b.attempt(nil)
			result, err := prover.Prove(t.Context(), attempt.Task)
			if err == nil {
				next := attempt.Task.Task
				next.Inputs = append(slices.Clone(next.Inputs), sdktest.Recorded(t, next.Dir, result.Outputs)...)
				dropped := false
				check, openErr := sdk.OpenTask(next, slog.New(slog.DiscardHandler), func(e sdk.WorkEvent) error {
					dropped = dropped || e.Resume != nil && len(e.Resume) == 0
					return nil
				})
				if openErr != nil {
					t.Fatal(openErr)
				}
				defer check.Close()
				err = prover.Verify(t.Context(), check)
				if (class(err) == sdk.ClassRetryable) != dropped {
					t.Errorf("the token of the job was dropped: %t; %v", dropped, err)
				}
				for _, a := range result.Outputs {
					if a.Role != sdk.RoleProof {
						continue
					}
					path, pathErr := check.Input(a.Name)
					if pathErr != nil {
						t.Fatal(pathErr)
					}
					if sent, readErr := os.ReadFile(path); readErr != nil || tc.class == "" && !bytes.Equal(sent, tc.wire) {
						t.Errorf("what would be sent is another wire form than that of the release: %v", readErr)
					}
				}
			}
			if class(err) != tc.class || err != nil && !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, %s", err, class(err))
			}
		})
	}
}
