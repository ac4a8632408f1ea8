package main

import (
	"context"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// TestRealGuest runs a produced input in the real emulator with the real guest
// and compares the public values with the block. It is off unless
// PROOFLINE_ZISKEMU names the emulator and PROOFLINE_GUEST_ELF a guest of
// zisk-eth-client; PROOFLINE_GUEST says which one (default
// zisk-eth-client-v0.8.0). The emulator writes the guest's public values to the
// file after -o.
func TestRealGuest(t *testing.T) {
	emulator, elf := os.Getenv("PROOFLINE_ZISKEMU"), os.Getenv("PROOFLINE_GUEST_ELF")
	if emulator == "" || elf == "" {
		t.Skip("PROOFLINE_ZISKEMU and PROOFLINE_GUEST_ELF are not set")
	}
	name := os.Getenv("PROOFLINE_GUEST")
	if name == "" {
		name = "zisk-eth-client-v0.8.0"
	}
	program, err := guest.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	if program.Format != guest.Zec && program.Format != guest.Zec7 {
		t.Fatalf("guest %s does not commit to the block hash alone", name)
	}
	dir := witnesstest.Shared(t, "data", "mainnet", "24647140")
	job := buildRun{
		config: Config{Guest: name, Network: "mainnet"},
		block:  filepath.Join(dir, "block.json.gz"), witness: filepath.Join(dir, "witness.json.gz"), out: filepath.Join(t.TempDir(), "input.bin"),
	}
	if _, err := job.run(t.Context(), nil, os.Stderr); err != nil {
		t.Fatal(err)
	}
	block, _, err := inputbuilder.Read(job.block, job.witness, readBlock)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	output := filepath.Join(t.TempDir(), "output.bin")
	started := time.Now()
	text, err := exec.CommandContext(ctx, emulator, "-e", elf, "-i", job.out, "-o", output).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", emulator, err, text)
	}
	values, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	verdict, says := guest.Block{Hash: contract.Hash(block.Hash), Guest: guest.CommitmentOf(name)}.Compare(values)
	if verdict != guest.Matches {
		t.Errorf("%s:\n%s", says, hex.Dump(values))
	}
	t.Logf("%s executed block %d in %v; its public values are %s", name, block.Header.Number, time.Since(started), says)
}
