package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode/archive"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// keep writes blocks of a chain into a directory, compressed or as JSON-RPC responses.
func keep(t testing.TB, dir string, chain *ethnodetest.Chain, numbers ...uint64) {
	t.Helper()
	a, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, n := range numbers {
		b := chain.At(n)
		var files []archive.Source
		for name, text := range map[string][]byte{"block.json": b.JSON(), "witness.json": b.Witness()} {
			if n%2 == 1 {
				text = fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"result":%s}`, text)
			}
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			files = append(files, archive.Source{Name: name, File: f})
		}
		if err := a.Keep(b.Contract(chain.ID), files, n%3 == 0); err != nil {
			t.Fatal(err)
		}
	}
}

func openSource(t testing.TB, cfg Config) *source {
	t.Helper()
	if cfg.Poll == 0 {
		cfg.Poll = sdk.Duration(5 * time.Millisecond)
	}
	s, err := open(t.Context(), cfg, sdk.Env{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newTask(t testing.TB, block contract.Block) *sdk.Task {
	dir := t.TempDir()
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	task, err := sdk.OpenTask(contract.Task{Job: block.JobID(), Attempt: 1, Block: block, Dir: dir}, slog.New(slog.DiscardHandler),
		func(contract.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(task.Close)
	return task
}

// drain polls to the end with a new source for each poll.
func drain(t testing.TB, cfg Config, sel contract.Selection, limit int) (blocks []contract.Block) {
	t.Helper()
	var cursor []byte
	for {
		r, err := openSource(t, cfg).Poll(t.Context(), contract.PollRequest{Cursor: cursor, Selection: sel, Max: limit, Wait: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Blocks) > limit {
			t.Fatalf("%d blocks, at most %d were asked for", len(r.Blocks), limit)
		}
		blocks = append(blocks, r.Blocks...)
		cursor = r.NextCursor
		if r.Done {
			return blocks
		}
	}
}

func numbersOf(blocks []contract.Block) (numbers []uint64) {
	for _, b := range blocks {
		numbers = append(numbers, b.Number)
	}
	return numbers
}

func TestReplay(t *testing.T) {
	chain := ethnodetest.NewChain(40)
	dir := t.TempDir()
	keep(t, dir, chain, 0, 4, 5, 6, 10, 15, 20, 33)
	if err := os.Mkdir(filepath.Join(dir, "notes"), 0o700); err != nil {
		t.Fatal(err)
	}
	ten := uint64(10)
	for _, c := range []struct {
		sel  contract.Selection
		want []uint64
	}{
		{contract.Selection{Every: 1}, []uint64{4, 5, 6, 10, 15, 20, 33}},
		{contract.Selection{Every: 5}, []uint64{5, 10, 15, 20}},
		{contract.Selection{Every: 1, From: &ten}, []uint64{10, 15, 20, 33}},
		{contract.Selection{Every: 1, To: &ten}, []uint64{4, 5, 6, 10}},
		{contract.Selection{Every: 1000}, nil},
	} {
		for _, limit := range []int{1, 3, 100} {
			if got := numbersOf(drain(t, Config{Dir: dir}, c.sel, limit)); !slices.Equal(got, c.want) {
				t.Errorf("%+v, %d at a time: %v, want %v", c.sel, limit, got, c.want)
			}
		}
	}
	for _, block := range drain(t, Config{Dir: dir}, contract.Selection{Every: 1}, 100) {
		if block.ChainID != ethnodetest.ChainID || block.Hash != chain.At(block.Number).Hash || block.Time.IsZero() {
			t.Errorf("block %+v", block)
		}
		task := newTask(t, block)
		result, err := openSource(t, Config{Dir: dir}).Fetch(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range [][]byte{chain.At(block.Number).JSON(), chain.At(block.Number).Witness()} {
			got, err := os.ReadFile(filepath.Join(task.Dir, result.Outputs[i].Path))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("block %d: %s differs: %v", block.Number, result.Outputs[i].Name, err)
			}
		}
		if len(result.Outputs) != 2 {
			t.Errorf("outputs %+v", result.Outputs)
		}
	}
}

func TestReplayPublishesRules(t *testing.T) {
	chain := ethnodetest.NewChain(4)
	dir := t.TempDir()
	keep(t, dir, chain, 3)
	rules := []byte(`{"chainId":77,"londonBlock":0}`)
	if err := os.WriteFile(filepath.Join(dir, "chain.json"), rules, 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := drain(t, Config{Dir: dir}, contract.Selection{Every: 1}, 1)
	if len(blocks) != 1 || blocks[0].ChainID != 77 {
		t.Fatalf("blocks %+v", blocks)
	}
	task := newTask(t, blocks[0])
	result, err := openSource(t, Config{Dir: dir}).Fetch(t.Context(), task)
	if err != nil || len(result.Outputs) != 3 || result.Outputs[2].Name != "chain.json" {
		t.Fatalf("%+v, %v", result, err)
	}
	if got, err := os.ReadFile(filepath.Join(task.Dir, "out", "chain.json")); err != nil || !bytes.Equal(got, rules) {
		t.Errorf("chain.json holds %q, %v", got, err)
	}
}

// TestReplayPaces replays blocks with a block time of 12 s at 600 times the speed, so that they
// are 20 ms apart.
func TestReplayPaces(t *testing.T) {
	chain := ethnodetest.NewChain(12)
	dir := t.TempDir()
	keep(t, dir, chain, 1, 2, 3, 11)
	cfg := Config{Dir: dir, Pace: "block_time", Speed: 600}
	begun := time.Now()
	if got := numbersOf(drain(t, cfg, contract.Selection{Every: 1}, 100)); !slices.Equal(got, []uint64{1, 2, 3, 11}) {
		t.Errorf("blocks %v", got)
	}
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("ten block times took %v, want at least 200ms", took)
	}
	// A poll that ends before the next block is due returns no block and is not done.
	s := openSource(t, Config{Dir: dir, Pace: "block_time", Speed: 1})
	first, err := s.Poll(t.Context(), contract.PollRequest{Selection: contract.Selection{Every: 1}, Max: 9})
	if err != nil || len(first.Blocks) != 1 || first.Done {
		t.Fatalf("%+v, %v", first, err)
	}
	next, err := s.Poll(t.Context(), contract.PollRequest{Cursor: first.NextCursor, Selection: contract.Selection{Every: 1}, Max: 9, Wait: 10 * time.Millisecond})
	if err != nil || len(next.Blocks) != 0 || next.Done {
		t.Errorf("%+v, %v", next, err)
	}
}

func TestReplayFollows(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	dir := t.TempDir()
	keep(t, dir, chain, 3)
	s := openSource(t, Config{Dir: dir, Follow: true, ChainID: 1})
	first, err := s.Poll(t.Context(), contract.PollRequest{Selection: contract.Selection{Every: 1}, Max: 9})
	if err != nil || len(first.Blocks) != 1 || first.Done {
		t.Fatalf("%+v, %v", first, err)
	}
	found := make(chan contract.PollResponse)
	go func() {
		r, err := s.Poll(t.Context(), contract.PollRequest{Cursor: first.NextCursor, Selection: contract.Selection{Every: 1}, Max: 9, Wait: time.Minute})
		if err != nil {
			t.Error(err)
		}
		found <- r
	}()
	keep(t, dir, chain, 7)
	if r := <-found; len(r.Blocks) != 1 || r.Blocks[0].Number != 7 {
		t.Errorf("got %+v", r)
	}
}

func TestReplayOfRecordedBlocks(t *testing.T) {
	dir := witnesstest.Shared(t, "data", "geth-osaka")
	blocks := drain(t, Config{Dir: dir}, contract.Selection{Every: 1}, 100)
	if len(blocks) != 19 || blocks[0].ChainID != 560048 {
		t.Fatalf("%d blocks, chain %d", len(blocks), blocks[0].ChainID)
	}
	for _, b := range blocks {
		if _, err := openSource(t, Config{Dir: dir}).Fetch(t.Context(), newTask(t, b)); err != nil {
			t.Errorf("block %d: %v", b.Number, err)
		}
	}
}

func TestBadArchives(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	dir := t.TempDir()
	keep(t, dir, chain, 3, 4, 5)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("4/block.json", `{"number":"0x9"}`)                        // left out
	write("5/witness.json", `{"state":[],"headers":[]}`)             // handed out, cannot be fetched
	if err := os.Mkdir(filepath.Join(dir, "6"), 0o700); err != nil { // empty
		t.Fatal(err)
	}
	blocks := drain(t, Config{Dir: dir}, contract.Selection{Every: 1}, 100)
	if got := numbersOf(blocks); !slices.Equal(got, []uint64{3, 5}) {
		t.Fatalf("blocks %v", got)
	}
	s := openSource(t, Config{Dir: dir})
	if _, err := s.Fetch(t.Context(), newTask(t, blocks[1])); contract.ClassOf(err) != contract.ClassPermanent || !strings.Contains(fmt.Sprint(err), "holds no header") {
		t.Errorf("an empty witness: %v", err)
	}
	if _, err := s.Fetch(t.Context(), newTask(t, chain.At(9).Contract(1))); contract.ClassOf(err) != contract.ClassPermanent || !strings.Contains(fmt.Sprint(err), "the archive lacks") {
		t.Errorf("an absent block: %v", err)
	}
	answers, err := s.Resolve(t.Context(), []uint64{3, 4, 8})
	if err != nil || answers[0].Block == nil || answers[1].Block != nil || answers[2].Reason != "the archive has no block 8" {
		t.Errorf("resolve: %+v, %v", answers, err)
	}
	if _, err := s.Poll(t.Context(), contract.PollRequest{Cursor: []byte(`{"v":7}`), Selection: contract.Selection{Every: 1}}); contract.ClassOf(err) != contract.ClassPermanent {
		t.Errorf("a foreign cursor: %v", err)
	}
	if _, err := open(t.Context(), Config{Dir: filepath.Join(dir, "absent")}, sdk.Env{}); !errors.Is(err, fs.ErrNotExist) || contract.ClassOf(err) != contract.ClassEnvironment {
		t.Errorf("an absent directory: %v", err)
	}
}

func TestCheck(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	full, empty := t.TempDir(), t.TempDir()
	keep(t, full, chain, 3, 5)
	for _, c := range []struct {
		cfg      Config
		severity sdk.Severity
		want     string
	}{
		{Config{Dir: full}, sdk.SeverityInfo, "2 blocks of chain 1337, from 3 to 5"},
		{Config{Dir: empty}, sdk.SeverityError, "the archive holds no block"},
		{Config{Dir: empty, Follow: true}, sdk.SeverityWarning, "the archive holds no block"},
	} {
		got := c.cfg.Check(t.Context())
		if len(got) != 1 || got[0].Severity != c.severity || !strings.Contains(got[0].Summary, c.want) {
			t.Errorf("%+v: %v", c.cfg, got)
		}
	}
	if m := plugin().Manifest(); m.Name != "source-archive" || !json.Valid(m.Schema) {
		t.Errorf("manifest %+v", m)
	}
}
