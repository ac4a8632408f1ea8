package main

import (
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// TestChangedProofIsNotSent changes a proof after the prover's stage has
// recorded it, as a fault of the disk would: what was verified is what is sent,
// or nothing is.
func TestChangedProofIsNotSent(t *testing.T) {
	proof := []byte("the proof that was verified")
	for name, tc := range map[string]struct {
		found []byte
		says  string
	}{
		"one bit":  {append([]byte{proof[0] ^ 1}, proof[1:]...), "SHA-256"},
		"cut":      {proof[:len(proof)-1], "bytes"},
		"extended": {append(append([]byte{}, proof...), 0), "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			server := ethproofstest.Start(t)
			r := start(t, Config{URL: server.URL, APIKey: sdk.NewSecret(ethproofstest.AlphaKey), Cluster: 1, Pace: 50, MaxProofBytes: 1000, Timeout: sdk.Duration(time.Second)})
			dir := t.TempDir()
			for _, sub := range []string{"in", "out", "tmp"} {
				if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "in", "proof.bin"), tc.found, 0o600); err != nil {
				t.Fatal(err)
			}
			event, err := sdk.OpenEvent(contract.Event{ID: "proved", Kind: contract.EventProved, Time: time.Now(), Try: 1, Dir: dir,
				Block: &contract.Block{ChainID: 1, Number: 24000100, Hash: contract.Hash{1}},
				Facts: map[string]string{contract.FactProvingTimeMS: "8123"},
				Artifacts: []contract.Artifact{{Name: "proof.bin", Path: "in/proof.bin", Size: int64(len(proof)),
					SHA256: sha256.Sum256(proof), Role: contract.RoleProof}},
			}, slog.New(slog.DiscardHandler), func(sdk.WorkEvent) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			defer event.Close()
			if _, err := r.reporter.Report(t.Context(), event); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v", err)
			}
			if writes := server.Writes(); len(writes) != 0 {
				t.Errorf("sent %v", writes)
			}
		})
	}
}
