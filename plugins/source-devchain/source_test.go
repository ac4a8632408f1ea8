package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/plugins/source-devchain/chain"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

func openSource(t *testing.T, dir string) *source {
	t.Helper()
	s, err := open(t.Context(), Config{Period: sdk.Duration(time.Second), Seed: 1, Transactions: 6},
		sdk.Env{StateDir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeSource(t *testing.T, s *source) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// follow polls until it has so many blocks.
func follow(t *testing.T, s *source, cursor []byte, want int) ([]contract.Block, []byte) {
	t.Helper()
	var blocks []contract.Block
	for len(blocks) < want {
		response, err := s.Poll(t.Context(), sdk.PollRequest{Cursor: cursor, Selection: sdk.Selection{Every: 1, From: new(uint64)}, Max: want - len(blocks), Wait: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if len(response.Orphaned) > 0 {
			t.Errorf("orphaned: %v", response.Orphaned)
		}
		blocks, cursor = append(blocks, response.Blocks...), response.NextCursor
	}
	return blocks, cursor
}

// fetch returns the attempt's output directory.
func fetch(t *testing.T, s *source, block contract.Block) (string, *sdk.Result) {
	t.Helper()
	dir := t.TempDir()
	task, err := sdk.OpenTask(contract.Task{Dir: dir, Job: block.JobID(), Attempt: 1, Block: block},
		slog.New(slog.DiscardHandler), func(sdk.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer task.Close()
	result, err := s.Fetch(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "out"), result
}

// TestBlocksFlow polls and fetches blocks, executes the fetched files, and goes on after a
// restart.
func TestBlocksFlow(t *testing.T) {
	dir := t.TempDir()
	s := openSource(t, dir)
	blocks, cursor := follow(t, s, nil, 3)
	for i, block := range blocks {
		if block.Number != uint64(i+1) || block.ChainID != chain.ID {
			t.Errorf("block %d of chain %d comes in place %d", block.Number, block.ChainID, i)
		}
	}
	out, result := fetch(t, s, blocks[1])
	var names []string
	for _, a := range result.Outputs {
		names = append(names, a.Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"block.json", "chain.json", "witness.json"}) {
		t.Errorf("outputs %v", names)
	}
	text, err := witness.ReadFile(filepath.Join(out, "chain.json"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := chainspec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := spec.Rules()
	if err != nil {
		t.Fatal(err)
	}
	block, err := witness.ReadBlock(filepath.Join(out, "block.json"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Read(filepath.Join(out, "witness.json"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := stateless.Execute(t.Context(), rules, block.Block, w)
	if err != nil {
		t.Fatal(err)
	}
	if result.Facts[contract.FactGasUsed] != fmt.Sprint(report.GasUsed) {
		t.Errorf("facts %v, %d gas", result.Facts, report.GasUsed)
	}
	if health := s.Health(t.Context()); health.State != sdk.HealthReady {
		t.Errorf("%+v", health)
	}
	if note := s.Note(); !strings.Contains(note, s.chain.Endpoint()) || !strings.Contains(note, "every 1s") {
		t.Errorf("note %q", note)
	}
	closeSource(t, s)

	s = openSource(t, dir)
	defer closeSource(t, s)
	more, _ := follow(t, s, cursor, 2)
	if more[0].Number != 4 || more[0].ParentHash != blocks[2].Hash {
		t.Errorf("after a restart the chain goes on with block %d", more[0].Number)
	}
	resolved, err := s.Resolve(t.Context(), []uint64{2, 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	if resolved[0].Block == nil || resolved[0].Block.Hash != blocks[1].Hash || resolved[1].Block != nil || resolved[1].Reason == "" {
		t.Errorf("%+v", resolved)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	closeSource(t, openSource(t, dir))
	_, err := open(t.Context(), Config{Period: sdk.Duration(time.Second), Seed: 2}, sdk.Env{StateDir: dir, Log: slog.New(slog.DiscardHandler)})
	if contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "another chain") {
		t.Errorf("with another seed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := open(ctx, Config{Period: sdk.Duration(time.Second), Seed: 1}, sdk.Env{StateDir: dir, Log: slog.New(slog.DiscardHandler)}); err == nil {
		closeSource(t, s)
	}
}

func TestPeriodIsWholeSeconds(t *testing.T) {
	for period, want := range map[time.Duration]int{time.Second: 0, 12 * time.Second: 0, 1600 * time.Millisecond: 1} {
		if findings := (Config{Period: sdk.Duration(period)}).Validate(); len(findings) != want || want > 0 && !strings.Contains(findings[0].Remedy, "2s") {
			t.Errorf("period %v: %v", period, findings)
		}
	}
}

func TestManifest(t *testing.T) {
	m := plugin().Manifest()
	if m.Name != name || m.Kind != contract.KindSource || !strings.Contains(string(m.Schema), `"period"`) {
		t.Errorf("%+v", m)
	}
}
