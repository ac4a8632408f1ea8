package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/witness"
)

// fetchAll opens a source with an archive, fetches blocks and closes it.
func fetchAll(t *testing.T, node *ethnodetest.Node, archive string, blocks ...*ethnodetest.Block) error {
	t.Helper()
	cfg, findings := decode(t, fmt.Sprintf(`{"endpoints":[%q],"archive":%s}`, node.URL, archive))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	s, err := open(t.Context(), cfg, sdk.Env{StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	for _, b := range blocks {
		task := newTask(t, t.TempDir(), b.Contract(node.Chain.ID))
		if _, err := s.Fetch(t.Context(), task); err != nil {
			failed = err
		}
		if err := os.RemoveAll(filepath.Join(task.Dir, "out")); err != nil { // the host may be that fast
			t.Fatal(err)
		}
		task.Close()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return failed
}

func TestKeepAlways(t *testing.T) {
	chain := ethnodetest.NewChain(6)
	node := ethnodetest.Start(t, chain)
	for _, pack := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "made", "here")
		settings := fmt.Sprintf(`{"dir":%q,"gzip":%v,"max_blocks":2}`, dir, pack)
		if err := fetchAll(t, node, settings, chain.At(3), chain.At(4), chain.At(5), chain.At(5)); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 2 || entries[0].Name() != "4" || entries[1].Name() != "5" {
			t.Fatalf("%v, %v", entries, err)
		}
		suffix := ""
		if pack {
			suffix = ".gz"
		}
		got, err := witness.ReadFile(filepath.Join(dir, "5", "witness.json"+suffix))
		if err != nil || !bytes.Equal(got, chain.At(5).Witness()) {
			t.Errorf("the kept witness differs: %v", err)
		}
	}
}

func TestKeepReplacedBlock(t *testing.T) {
	chain := ethnodetest.NewChain(6)
	node := ethnodetest.Start(t, chain)
	dir := t.TempDir()
	settings := fmt.Sprintf(`{"dir":%q}`, dir)
	old := chain.At(6)
	if err := fetchAll(t, node, settings, old); err != nil {
		t.Fatal(err)
	}
	chain.Reorg(1, 1)
	if err := fetchAll(t, node, settings, chain.At(6)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]*ethnodetest.Block{"6": chain.At(6), "6-" + old.Hash.Short(): old} {
		b, err := witness.ReadBlock(filepath.Join(dir, name, "block.json.gz"))
		if err != nil || sdk.Hash(b.Hash()) != want.Hash {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeepOnFailure(t *testing.T) {
	chain := ethnodetest.NewChain(6)
	node := ethnodetest.Start(t, chain)
	node.Set(func(n *ethnodetest.Node) {
		n.Witness = func(b *ethnodetest.Block) []byte {
			if b.Number == 5 {
				return chain.At(3).Witness()
			}
			return b.Witness()
		}
	})
	dir := t.TempDir()
	if err := fetchAll(t, node, fmt.Sprintf(`{"dir":%q,"keep":"on_failure","gzip":false}`, dir), chain.At(4), chain.At(5)); err == nil {
		t.Fatal("a foreign witness passed")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "rejected" {
		t.Fatalf("%v, %v", entries, err)
	}
	evidence := filepath.Join(dir, "rejected", "5-"+chain.At(5).Hash.Short())
	text, err := os.ReadFile(filepath.Join(evidence, "witness.json"))
	if err != nil || !bytes.Equal(text, chain.At(3).Witness()) {
		t.Errorf("the evidence differs: %v", err)
	}
	if reason, err := os.ReadFile(filepath.Join(evidence, "reason.txt")); err != nil || !strings.Contains(string(reason), "the witness belongs to another block") {
		t.Errorf("reason %q, %v", reason, err)
	}
}
