package main

import (
	"path/filepath"
	"testing"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// TestMemory limits the memory for building an input, relative to the sizes of block and
// witness on disk.
func TestMemory(t *testing.T) {
	dir := witnesstest.Shared(t, "data", "mainnet", "24647140")
	files := map[string][]byte{
		sdk.ArtifactBlock:   content(t, filepath.Join(dir, "block.json.gz")),
		sdk.ArtifactWitness: content(t, filepath.Join(dir, "witness.json.gz")),
	}
	size := len(files[sdk.ArtifactBlock]) + len(files[sdk.ArtifactWitness])
	b, err := witness.DecodeBlock(files[sdk.ArtifactBlock])
	if err != nil {
		t.Fatal(err)
	}
	block := contract.Block{ChainID: 1, Number: b.NumberU64(), Hash: contract.Hash(b.Hash()), ParentHash: contract.Hash(b.ParentHash())}
	for _, format := range []string{"g8", "zec"} {
		stage, task := newStage(t, Config{Format: format}), newTask(t, block, files)
		peak := witnesstest.PeakHeap(func() { _, err = stage.Build(t.Context(), task) })
		if err != nil {
			t.Fatal(err)
		}
		ratio := float64(peak) / float64(size)
		t.Logf("%s: %.1f MB of block and witness, %.2f times their size", format, float64(size)/1e6, ratio)
		if ratio > 3 {
			t.Errorf("%s: %d bytes take %d, %.2f times as much", format, size, peak, ratio)
		}
	}
}
