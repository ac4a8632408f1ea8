package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

const testdata = "../input/testdata"

// TestRecognises checks that every expected file is recognised in its own format and in no
// other. The layouts of package inspect are independent of the writer.
func TestRecognises(t *testing.T) {
	files, err := filepath.Glob(testdata + "/*/*.bin")
	if err != nil || len(files) != 28 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		f, err := Read(file)
		if err != nil {
			t.Error(err)
			continue
		}
		parts := strings.Split(file, ".")
		if want := guest.Format(parts[len(parts)-2]); f.Format != want || f.Framing != guest.Raw || len(f.AlsoFormats) > 0 {
			t.Errorf("%s: %s, %s, also %v", file, f.Format, f.Framing, f.AlsoFormats)
		}
		// The cases are synthetic, but their tries are real.
		for _, finding := range f.Summarize().Findings {
			if !strings.HasPrefix(finding, "block: ") && !strings.HasPrefix(finding, "headers") && !strings.HasPrefix(finding, "storage") {
				t.Errorf("%s: %s", file, finding)
			}
		}
	}
}

func TestSummaryOfRealInputs(t *testing.T) {
	for file, want := range map[string]string{
		"mainnet_24647140/g4.bin.gz":          "g4 raw 3579809 0xac1a460b21353733e4cad69c455e7cc7a3a595408f2f15684f9f646ebc42b9b4 map[eip1559:53 eip7702:5 legacy:2] 135 859 109 mainnet",
		"mainnet_24647140/zec7.framed.bin.gz": "zec7 framed 3579852 0xac1a460b21353733e4cad69c455e7cc7a3a595408f2f15684f9f646ebc42b9b4 map[eip1559:53 eip7702:5 legacy:2] 135 859 109 mainnet",
		"hoodi_1265656/g4.bin.gz":             "g4 raw 1037132 0xac77c202b2b33da757f785a4c240333c7d148bc2558f19c483e42fe3ca1ce6db map[eip1559:7 eip4844:4] 22 422 26 hoodi",
	} {
		f, err := Read(filepath.Join(witnesstest.Shared(t, "vectors"), file))
		if err != nil {
			t.Fatal(err)
		}
		s := f.Summarize()
		have := fmt.Sprint(s.Format, " ", s.Framing, " ", s.ArchiveBytes, " ", s.Block.Hash, " ", s.Block.TransactionTypes, " ",
			s.Witness.Codes, " ", *s.Witness.Keys, " ", s.Witness.StorageTries, " ", s.Chain.Network)
		if have != want {
			t.Errorf("have %s\nwant %s", have, want)
		}
		if len(s.Findings) > 0 {
			t.Errorf("%s: %v", file, s.Findings)
		}
		var text bytes.Buffer
		if err := s.Print(&text); err != nil || !strings.Contains(text.String(), s.Block.Hash.String()) {
			t.Errorf("%v: %s", err, &text)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	}
}

func open(t *testing.T, content []byte) *File {
	t.Helper()
	f, err := Open(content)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEveryFlippedBitIsNamed checks that after the flip of any bit the file is refused, or Diff
// names the field.
func TestEveryFlippedBitIsNamed(t *testing.T) {
	content, err := os.ReadFile(testdata + "/tiny/mainnet.g4.bin")
	if err != nil {
		t.Fatal(err)
	}
	original := open(t, content)
	if d := Diff(original, open(t, bytes.Clone(content))); d != nil {
		t.Fatalf("equal files differ: %v", d)
	}
	paths := map[string]bool{}
	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= 0x10
		f, err := Open(changed)
		if err != nil {
			continue
		}
		d := Diff(original, f)
		if d == nil {
			t.Fatalf("byte %d is changed, but there is no difference", i)
		}
		paths[d.Path] = true
	}
	for _, want := range []string{
		"blocks[0].header.gas_used", "blocks[0].header.requests_hash.some", "blocks[0].body.transactions[0].eip1559.value",
		"blocks[0].body.transactions[0].eip1559.access_list[0]", "blocks[0].body.withdrawals[0].amount", "execution_witness.codes[0]",
		"execution_witness.block_headers_bytes[0]", "execution_witness.chain_config.osaka_time", "execution_witness.keys[1]",
		"execution_witness.chain_config.blob_schedule.bpo2.target", "elasticity_multiplier", "padding",
		"execution_witness.state_trie_root.branch.2.node.leaf.value",
	} {
		if !paths[want] {
			t.Errorf("no change is named %s", want)
		}
	}
}

func TestDiffAcrossFormats(t *testing.T) {
	read := func(name string) *File {
		content, err := os.ReadFile(testdata + "/tiny/mainnet." + name + ".bin")
		if err != nil {
			t.Fatal(err)
		}
		return open(t, content)
	}
	g4, g8, zec := read("g4"), read("g8"), read("zec")
	for _, c := range []struct {
		a, b *File
		want string
	}{
		{g8, zec, "format"},
		{g4, g8, "blocks[0].header.block_access_list_hash"},
		{g8, g4, "blocks[0].header.block_access_list_hash"},
		{g4, zec, "block.header.block_access_list_hash"},
	} {
		if d := Diff(c.a, c.b); d == nil || d.Path != c.want {
			t.Errorf("%s and %s: %v, want %s", c.a.Format, c.b.Format, d, c.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	content, err := os.ReadFile(testdata + "/tiny/mainnet.g4.bin")
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(content) {
		if f, err := Open(content[:n]); err == nil {
			t.Fatalf("the first %d bytes are taken for %s", n, f.Format)
		}
		if f, err := Open(content[n+1:]); err == nil && n > 2 {
			t.Fatalf("all but the first %d bytes are taken for %s", n+1, f.Format)
		}
	}
	_, err = Open([]byte("no input"))
	for _, format := range guest.Formats() {
		if err == nil || !strings.Contains(err.Error(), "as "+string(format)+", raw:") {
			t.Errorf("%s is not mentioned: %v", format, err)
		}
	}
}

// FuzzOpen looks for bytes that cause a panic or an endless loop, or that differ from
// themselves.
func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob(testdata + "/*/*.bin")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(content) < 8000 {
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		in, err := Open(content)
		if err != nil {
			return
		}
		s := in.Summarize()
		var text bytes.Buffer
		if err := s.Print(&text); err != nil {
			t.Fatal(err)
		}
		again, err := Open(bytes.Clone(content))
		if err != nil {
			t.Fatal(err)
		}
		if d := Diff(in, again); d != nil {
			t.Fatal(d)
		}
		if d := diff("", in.Root, again.Root); d != nil {
			t.Fatal(d)
		}
	})
}
