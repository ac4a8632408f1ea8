package input_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// strict are the options of a vector: do exactly what the reference does.
func strict(t testing.TB, format guest.Format, network string) input.Options {
	spec, err := chainspec.Network(network)
	if err != nil {
		t.Fatal(err)
	}
	config, err := spec.Ethrex()
	if err != nil {
		t.Fatal(err)
	}
	return input.Options{Format: format, Config: config, Strict: true, Unverified: true}
}

func build(t testing.TB, blockFile, witnessFile string, o input.Options) *input.Result {
	t.Helper()
	var archive bytes.Buffer
	in := prepare(t, blockFile, witnessFile, o)
	if n, err := in.WriteTo(&archive); err != nil || n != in.Size() || n != int64(archive.Len()) {
		t.Fatalf("%d bytes announced, %d said, %d written: %v", in.Size(), n, archive.Len(), err)
	}
	in.Archive = archive.Bytes()
	return in.Result
}

func prepare(t testing.TB, blockFile, witnessFile string, o input.Options) *input.Input {
	t.Helper()
	b, err := ethblock.Read(blockFile)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Read(witnessFile)
	if err != nil {
		t.Fatal(err)
	}
	in, err := input.Prepare(t.Context(), b, w, o)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// sameBytes compares an archive with the expected one.
func sameBytes(t testing.TB, have, want []byte) {
	t.Helper()
	if bytes.Equal(have, want) {
		return
	}
	at := 0
	for at < len(have) && at < len(want) && have[at] == want[at] {
		at++
	}
	t.Errorf("have %d bytes, want %d; they differ from byte %d on", len(have), len(want), at)
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := witness.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTiny(t *testing.T) {
	for _, format := range []guest.Format{guest.G4, guest.G8, guest.G9, guest.Zec} {
		r := build(t, "testdata/tiny/block.json", "testdata/tiny/witness.json", strict(t, format, "mainnet"))
		sameBytes(t, r.Archive, readFile(t, fmt.Sprintf("testdata/tiny/mainnet.%s.bin", format)))
		if r.StorageTries != 1 {
			t.Errorf("%s: %d storage tries", format, r.StorageTries)
		}
	}
}

func TestRandomCases(t *testing.T) {
	files, err := filepath.Glob("testdata/random/*.g4.bin")
	if err != nil || len(files) != 24 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		parts := strings.Split(filepath.Base(file), ".")
		t.Run(parts[0], func(t *testing.T) {
			base := filepath.Join("testdata/random", parts[0])
			r := build(t, base+".block.json", base+".witness.json", strict(t, guest.G4, parts[1]))
			sameBytes(t, r.Archive, readFile(t, file))
		})
	}
}

// TestConfig checks the bytes of the chain configuration. It lies in the witness after codes,
// headers and the block number. The witness is in the root object, which has 521 bytes in g4
// and 522 in g8.
func TestConfig(t *testing.T) {
	for _, network := range chainspec.Networks() {
		for _, c := range []struct {
			format       guest.Format
			fromEnd, len int
		}{{guest.G4, 521, 404}, {guest.G8, 522, 430}} {
			r := build(t, "testdata/tiny/block.json", "testdata/tiny/witness.json", strict(t, c.format, network))
			start := len(r.Archive) - c.fromEnd + 8 + 24
			have := hex.EncodeToString(r.Archive[start : start+c.len])
			want := strings.TrimSpace(string(readFile(t, fmt.Sprintf("testdata/config/%s.%s.hex", network, c.format))))
			if have != want {
				t.Errorf("%s in %s:\nhave %s\nwant %s", network, c.format, have, want)
			}
		}
	}
}

func TestPublicBlocks(t *testing.T) {
	dir := witnesstest.Shared(t, "vectors")
	for _, c := range []struct {
		format                         guest.Format
		network, block, witness, files string
	}{
		{guest.G4, "hoodi", "hoodi_1265656/block.json", "hoodi_1265656/witness.json.gz", "hoodi_1265656/g4.bin.gz"},
		{guest.G4, "mainnet", "mainnet_24647140/block.json", "mainnet_24647140/witness.json.gz", "mainnet_24647140/g4.bin.gz"},
		{guest.Zec7, "mainnet", "mainnet_24647140/block.json", "mainnet_24647140/witness_zec7.json.gz", "mainnet_24647140/zec7.framed.bin.gz"},
	} {
		for _, unverified := range []bool{true, false} {
			o := strict(t, c.format, c.network)
			o.Unverified = unverified
			blockFile, witnessFile := filepath.Join(dir, c.block), filepath.Join(dir, c.witness)
			r := build(t, blockFile, witnessFile, o)
			have := r.Archive
			if c.format == guest.Zec7 {
				var file bytes.Buffer
				if err := guest.StreamFramed(&file, prepare(t, blockFile, witnessFile, o), guest.Framed); err != nil {
					t.Fatal(err)
				}
				have = file.Bytes()
				if inner, err := guest.Unframe(have); err != nil || !bytes.Equal(inner, r.Archive) {
					t.Errorf("unwrapped: %v", err)
				}
			}
			sameBytes(t, have, readFile(t, filepath.Join(dir, c.files)))
			if r.Uncovered != 0 || len(r.Ignored) != 0 || r.KeysDerived != 0 {
				t.Errorf("%s: %d uncovered, %d ignored, %d derived", c.block, r.Uncovered, len(r.Ignored), r.KeysDerived)
			}
		}
	}
}

func TestDigests(t *testing.T) {
	type digest struct {
		Size         int
		SHA256       string
		StorageTries *int `json:"storage_tries"`
	}
	var blocks []struct {
		Net             string
		Block           uint64
		G4, G7, G8, Zec *digest
		Error           string
	}
	if err := json.Unmarshal(readFile(t, witnesstest.Shared(t, "vectors", "real_blocks.json")), &blocks); err != nil {
		t.Fatal(err)
	}
	if len(blocks) != 10 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, b := range blocks {
		t.Run(fmt.Sprintf("%s/%d", b.Net, b.Block), func(t *testing.T) {
			dir := witnesstest.Shared(t, "data", b.Net, fmt.Sprint(b.Block))
			blockFile, witnessFile := filepath.Join(dir, "block.json.gz"), filepath.Join(dir, "witness.json.gz")
			if b.Error != "" {
				refusedUnlessLenient(t, blockFile, witnessFile, b.Net)
				return
			}
			for format, want := range map[guest.Format]*digest{guest.G4: b.G4, guest.G7: b.G7, guest.G8: b.G8, guest.Zec: b.Zec} {
				o := strict(t, format, b.Net)
				o.Unverified = false
				r := build(t, blockFile, witnessFile, o)
				if sum := sha256.Sum256(r.Archive); len(r.Archive) != want.Size || hex.EncodeToString(sum[:]) != want.SHA256 {
					t.Errorf("%s: %d bytes, sha256 %x; want %d, %s", format, len(r.Archive), sum, want.Size, want.SHA256)
				}
				if want.StorageTries != nil && r.StorageTries != *want.StorageTries {
					t.Errorf("%s: %d storage tries, want %d", format, r.StorageTries, *want.StorageTries)
				}
			}
		})
	}
}

// refusedUnlessLenient is for mainnet 23879620, whose witness has nine entries
// that are no trie nodes.
func refusedUnlessLenient(t *testing.T, blockFile, witnessFile, network string) {
	b, err := ethblock.Read(blockFile)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Read(witnessFile)
	if err != nil {
		t.Fatal(err)
	}
	o := strict(t, guest.G8, network)
	if _, err := input.Build(t.Context(), b, w, o); err == nil || !strings.Contains(err.Error(), "is no trie node: not one RLP list") {
		t.Errorf("strict: %v", err)
	}
	o.Strict, o.Unverified = false, false
	r, err := input.Build(t.Context(), b, w, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Ignored) != 9 || r.StorageTries == 0 {
		t.Errorf("%d entries ignored, %d storage tries", len(r.Ignored), r.StorageTries)
	}
	// Without those entries the strict way leads to the same bytes.
	kept := w.State[:0]
	for _, node := range w.State {
		if len(node) != 33 || node[0] != 0xa0 {
			kept = append(kept, node)
		}
	}
	w.State = kept
	o.Strict = true
	again, err := input.Build(t.Context(), b, w, o)
	if err != nil {
		t.Fatal(err)
	}
	sameBytes(t, r.Archive, again.Archive)
}
