package verify

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// allTables returns every embedded table by the name of its file.
func allTables(t testing.TB) map[string]*Table {
	t.Helper()
	out := map[string]*Table{}
	for e, err := range matching(func(*entry) bool { return true }) {
		if err != nil {
			t.Fatal(err)
		}
		table, err := e.load()
		if err != nil {
			t.Fatal(err)
		}
		out[e.File] = table
	}
	return out
}

// TestTables compares the embedded tables with the digests of their index, and
// the index with what the tables say.
func TestTables(t *testing.T) {
	total := 0
	n := 0
	for e, err := range matching(func(*entry) bool { return true }) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		packed, err := files.ReadFile("tables/" + e.File)
		if err != nil {
			t.Fatal(err)
		}
		total += len(packed)
		if sum := sha256.Sum256(unpack(t, packed)); hex.EncodeToString(sum[:]) != e.Digest {
			t.Errorf("%s has the digest %x, the index says %s", e.File, sum, e.Digest)
		}
		table, err := e.load()
		if err != nil {
			t.Fatal(err)
		}
		if table.words != e.Words || table.constraints.maxPublics != e.Publics || table.Family != e.Family || table.Minimal != e.minimal() || e.Source == "" {
			t.Errorf("%s: the table and the index differ", e.File)
		}
		if modern := !release(t, e.Releases[0]).before13(); table.BindsPublics() != modern {
			t.Errorf("%s: binds the public words: %t", e.File, table.BindsPublics())
		}
	}
	if n != 23 {
		t.Errorf("%d tables", n)
	}
	t.Logf("%d tables, %d bytes", n, total)
}

type testRelease proof.Release

func release(t testing.TB, name string) testRelease {
	t.Helper()
	r, err := proof.ParseRelease(name)
	if err != nil {
		t.Fatal(err)
	}
	return testRelease(r)
}

func (r testRelease) before13() bool { return r.Major == 0 || r.Minor < 3 }

// generator draws the inputs of programs.json, as the file states it.
type generator uint64

func (g *generator) next() uint64 {
	x := uint64(*g)*6364136223846793005 + 1442695040888963407
	*g = generator(x)
	return (x ^ x>>29) % goldilocks.Modulus
}

func (g *generator) cubic() goldilocks.Cubic {
	return goldilocks.Cubic{g.next(), g.next(), g.next()}
}

func (g *generator) words(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = g.next()
	}
	return out
}

func (g *generator) cubics(n int) []goldilocks.Cubic {
	out := make([]goldilocks.Cubic, n)
	for i := range out {
		out[i] = g.cubic()
	}
	return out
}

// TestPrograms compares constraints and tested columns of every table with what
// the published verifiers compute.
func TestPrograms(t *testing.T) {
	var v struct {
		Values map[string]struct{ Q, Deep [3]decimal }
	}
	if err := json.Unmarshal(readShared(t, "vectors", "programs.json"), &v); err != nil {
		t.Fatal(err)
	}
	tables := allTables(t)
	if len(v.Values) != len(tables) {
		t.Errorf("%d values for %d tables", len(v.Values), len(tables))
	}
	for name, want := range v.Values {
		table := tables[name]
		if table == nil {
			t.Errorf("there is no table %s", name)
			continue
		}
		g := generator(12345)
		c := g.cubics(challenges)
		evals := g.cubics(table.evals)
		publics := g.words(69)
		zi := g.cubic()
		var rows [4][]uint64
		for i, n := range table.columns {
			rows[i] = g.words(n)
		}
		divisors := g.cubics(len(table.openings))
		q := table.constraints.run(evals, c, publics, zi)
		deep := table.deep.value(evals, c[4], c[5], table.deep.weights(c[5]), &rows, divisors)
		for i := range q {
			if q[i] != uint64(want.Q[i]) || deep[i] != uint64(want.Deep[i]) {
				t.Errorf("%s: constraints %d, want %d; columns %d, want %d", name, q, want.Q, deep, want.Deep)
				break
			}
		}
	}
}

// synthetic is a valid proof of a trivial statement for one table. Its setup key
// is nobody's.
type synthetic struct {
	name, table string
	key         proof.Key
	wire        []byte
}

func synthetics(t testing.TB) []synthetic {
	t.Helper()
	var index map[string]struct {
		Key   proof.Key `json:"setup_vk"`
		Bytes int       `json:"bytes"`
		Table string    `json:"table"`
	}
	if err := json.Unmarshal(readShared(t, "fixtures", "synthetic", "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	var out []synthetic
	for name, e := range index {
		file, err := os.Open(shared(t, "fixtures", "synthetic", name+".wire.bin.gz"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		wire, err := io.ReadAll(r)
		if err != nil || len(wire) != e.Bytes {
			t.Fatalf("%s: %d bytes, want %d: %v", name, len(wire), e.Bytes, err)
		}
		_ = file.Close()
		out = append(out, synthetic{name, e.Table, e.Key, wire})
	}
	return out
}

func TestSynthetic(t *testing.T) {
	tables := allTables(t)
	seen := map[string]bool{}
	for _, s := range synthetics(t) {
		seen[s.table] = true
		p, err := proof.Decode(s.wire, "")
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if *p.Setup != s.key {
			t.Errorf("%s: setup key %v", s.name, p.Setup)
		}
		v, err := tables[s.table].stark(s.key, p.Publics, p.Body, true)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		t.Logf("%s: %v", s.name, v.calls())
		// The key of constants that are all zero is that of a published setup, see
		// TestHollow; no other may be known.
		if hollow, err := tables[s.table].hollow(s.key); err != nil || !hollow {
			t.Errorf("%s: its constants are not zero: %v", s.name, err)
		}
	}
	if len(seen) != len(tables) {
		t.Errorf("%d tables have a proof, of %d", len(seen), len(tables))
	}
}

func unpack(t testing.TB, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
