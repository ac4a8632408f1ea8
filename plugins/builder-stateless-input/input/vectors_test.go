package input_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// material is a block with its witness and its chain's rules.
type material struct {
	rules   *params.ChainConfig
	block   *types.Block
	witness *witness.Witness
}

func read(t testing.TB, spec *chainspec.Spec, blockFile, witnessFile string) material {
	t.Helper()
	rules, err := spec.Rules()
	if err != nil {
		t.Fatal(err)
	}
	block, err := witness.ReadBlock(blockFile)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Read(witnessFile)
	if err != nil {
		t.Fatal(err)
	}
	return material{rules, block.Block, w}
}

// build executes the block and makes its input.
func (m material) build(t testing.TB, dialect guest.Format) *input.Input {
	t.Helper()
	report, err := stateless.Execute(t.Context(), m.rules, m.block, m.witness)
	if err != nil {
		t.Fatal(err)
	}
	outcome := report.Outcome(m.rules.ChainID.Uint64(), [32]byte{})
	if err := outcome.Check(m.rules.ChainID.Uint64(), m.block); err != nil {
		t.Fatal(err)
	}
	fork, err := input.Fork(m.rules, m.block.Header())
	if err != nil {
		t.Fatal(err)
	}
	w, err := input.Normalize(m.block, m.witness)
	if err != nil {
		t.Fatal(err)
	}
	in, err := input.Build(dialect, fork, m.rules.ChainID.Uint64(), m.block, w, outcome)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func encode(t testing.TB, in *input.Input) []byte {
	t.Helper()
	b, err := in.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func file(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// upstream is the block of execution-specs' fixture, in RPC form.
func upstream(t testing.TB) (dir string, m material) {
	t.Helper()
	dir = witnesstest.Shared(t, "vectors", "amsterdam", "d4_sar00")
	spec, err := chainspec.Read(filepath.Join(dir, "genesis.json"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, read(t, spec, filepath.Join(dir, "block.json"), filepath.Join(dir, "witness.json"))
}

// TestUpstreamD4 checks that block and witness give the input that execution-specs published,
// and its output.
func TestUpstreamD4(t *testing.T) {
	dir, m := upstream(t)
	in := m.build(t, guest.SSZD4)
	if have, want := encode(t, in), file(t, dir, "stateless_input.bin"); !bytes.Equal(have, want) {
		t.Errorf("have %d bytes %x\nwant %d bytes %x", len(have), have[:min(len(have), 64)], len(want), want[:64])
	}
	output := in.Output().Encode()
	if want := file(t, dir, "stateless_output.bin"); !bytes.Equal(output[:], want) {
		t.Errorf("output %x, want %x", output, want)
	}
}

func TestDerivedD3(t *testing.T) {
	dir, m := upstream(t)
	in := m.build(t, guest.SSZD3)
	if have, want := encode(t, in), file(t, dir, "derived_d3_input.bin"); !bytes.Equal(have, want) {
		t.Errorf("have %d bytes, want %d", len(have), len(want))
	}
	output := in.Output().Encode()
	if want := file(t, dir, "stateless_output.bin"); !bytes.Equal(output[:], want) {
		t.Errorf("output %x, want %x", output, want)
	}
}

// TestUpstreamDecodes checks that the published inputs decode, encode to the same bytes and give
// the published output, and that the other dialect refuses them.
func TestUpstreamDecodes(t *testing.T) {
	dir := witnesstest.Shared(t, "vectors", "amsterdam")
	for _, c := range []struct {
		folder, file   string
		dialect, other guest.Format
	}{
		{"d4_sar00", "stateless_input.bin", guest.SSZD4, guest.SSZD3},
		{"d4_sar00", "derived_d3_input.bin", guest.SSZD3, guest.SSZD4},
		{"d3_guest_smoke", "stateless_input.bin", guest.SSZD3, guest.SSZD4},
	} {
		data := file(t, dir, c.folder, c.file)
		in, err := input.Decode(data, c.dialect)
		if err != nil {
			t.Errorf("%s: %v", c.folder, err)
			continue
		}
		if have := encode(t, in); !bytes.Equal(have, data) {
			t.Errorf("%s: encodes to %d bytes, was %d", c.folder, len(have), len(data))
		}
		output := in.Output().Encode()
		if want := file(t, dir, c.folder, "stateless_output.bin"); !bytes.Equal(output[:], want) {
			t.Errorf("%s: output %x, want %x", c.folder, output, want)
		}
		if found, err := input.Detect(data); err != nil || found != c.dialect {
			t.Errorf("%s: detected %s, %v", c.folder, found, err)
		}
		if _, err := input.Decode(data, c.other); err == nil {
			t.Errorf("%s: decodes as %s", c.folder, c.other)
		}
	}
}

// TestUpstreamRequestRoot compares the roots of the fixture's parts with those in the
// specification.
func TestUpstreamRequestRoot(t *testing.T) {
	_, m := upstream(t)
	root := m.build(t, guest.SSZD4).Output().RequestRoot
	if text := hex.EncodeToString(root[:]); text[:8] != "abd8136e" || text[60:] != "0737" {
		t.Errorf("request root %s", text)
	}
}

// TestWitnessShapes checks that every form of a witness (geth, reth in its default order with
// keys, duplicates and empty entries, reth before 2025) gives the same bytes.
func TestWitnessShapes(t *testing.T) {
	dir, m := upstream(t)
	want := file(t, dir, "stateless_input.bin")
	list := func(entries [][]byte) []string {
		texts := []string{"0x"}
		for i := len(entries) - 1; i >= 0; i-- {
			texts = append(texts, "0x"+hex.EncodeToString(entries[i]))
		}
		return append(texts, texts[1], "0x80")
	}
	object := func(entries [][]byte) map[string]string {
		texts := make(map[string]string)
		for _, entry := range entries {
			texts[crypto.Keccak256Hash(entry).Hex()] = "0x" + hex.EncodeToString(entry)
		}
		return texts
	}
	headers := list(m.witness.Headers)[1:]
	headers = headers[:len(headers)-1]
	for name, shape := range map[string]map[string]any{
		"reth":   {"state": list(m.witness.State), "codes": list(m.witness.Codes), "keys": []string{"0x1234"}, "headers": headers},
		"ethrex": {"state": list(m.witness.State), "codes": list(m.witness.Codes), "keys": []string{}, "headers": headers},
		"maps":   {"state": object(m.witness.State), "codes": object(m.witness.Codes), "keys": map[string]string{}, "headers": headers},
	} {
		text, err := json.Marshal(shape)
		if err != nil {
			t.Fatal(err)
		}
		w, err := witness.Decode(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if have := encode(t, (material{m.rules, m.block, w}).build(t, guest.SSZD4)); !bytes.Equal(have, want) {
			t.Errorf("%s: %d bytes, want %d", name, len(have), len(want))
		}
	}
}
