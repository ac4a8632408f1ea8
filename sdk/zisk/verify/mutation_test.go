package verify

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// mutations is how many changes of a proof are tried: few by default, as many as
// PROOFLINE_MUTATIONS says otherwise.
func mutations(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("PROOFLINE_MUTATIONS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("PROOFLINE_MUTATIONS: %v", err)
	}
	return n
}

// region is a run of words of a wire form.
type region struct {
	name     string
	from, to int
	padding  bool // behind the used digests of a top
}

// regions lists the parts of the wire form of a proof.
func regions(t *Table, p *proof.Proof, tagged bool) []region {
	n := len(p.Publics)
	out := []region{{"header", 0, 2, false}, {"publics", 2, 2 + n, false}}
	at := 2 + n
	shared := p.Body[0] == multiproofTag
	if shared {
		out = append(out, region{"tag of the shared openings", at, at + 1, false})
		at++
	}
	end := 2 + n + len(p.Body)
	o := new(opened)
	for _, s := range t.sections(o) {
		if s.words == 0 || shared && s.siblings {
			continue
		}
		out = append(out, region{s.name, at, at + s.words, false})
		at += s.words
	}
	for _, x := range append(o.stages[:], o.rounds...) {
		for i, r := range out {
			if r.name == x.name+" top" {
				used := r.from + 4*t.shape.usedNodes(x.bits)
				if used < r.to {
					out[i].to = used
					out = append(out, region{x.name + " padding", used, r.to, true})
				}
			}
		}
	}
	if at < end {
		out = append(out, region{"shared siblings", at, end, false})
	}
	out = append(out, region{"setup key", end, end + 4, false})
	if tagged {
		out = append(out, region{"hash tag", end + 4, end + 5, false})
	}
	return out
}

// mutate changes one word of a wire form, and reports whether it still stands
// for the same element.
func mutate(rng *rand.Rand, wire []byte, word int) (what string, same bool) {
	at := wire[8*word : 8*word+8]
	old := binary.LittleEndian.Uint64(at)
	value := old
	switch rng.IntN(5) {
	case 0:
		what, value = "bit", old^1<<rng.IntN(64)
	case 1:
		what, value = "+1", old+1
	case 2:
		what, value = "random", rng.Uint64()
	case 3:
		what, value = "zero", 0
	case 4:
		what, value = "+p", old+goldilocks.Modulus
	}
	if value == old {
		value = old + 2
	}
	binary.LittleEndian.PutUint64(at, value)
	return what, value%goldilocks.Modulus == old%goldilocks.Modulus
}

// TestMutations changes single words in all parts of the real proofs, and of one
// synthetic proof of each kind of table. No change is accepted in strict mode;
// in lenient mode what is accepted is padding, and other forms of the same
// elements in a body without shared openings.
func TestMutations(t *testing.T) {
	type one struct {
		name   string
		wire   []byte
		expect Expect
		table  *Table
		count  int
	}
	var all []one
	for _, r := range reals(t) {
		table, err := Find(r.release, proof.Poseidon1, true)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one{r.name, r.wire, r.expect(), table, mutations(t, 60)})
	}
	tables := allTables(t)
	for _, s := range synthetics(t) {
		switch s.name {
		case "0.16.0-poseidon2-vadcop_final", "1.4.0-alpha-poseidon1-vadcop_final", "1.4.0-alpha-poseidon2-vadcop_final_compressed", "1.4.0-alpha-blake3-vadcop_final", "1.4.0-alpha-blake3-vadcop_final_compressed":
			all = append(all, one{s.name, s.wire, Expect{Setup: s.key}, tables[s.table], mutations(t, 80) / 2})
		}
	}
	for _, x := range all {
		t.Run(x.name, func(t *testing.T) {
			p, err := proof.Decode(x.wire, "")
			if err != nil {
				t.Fatal(err)
			}
			// The statement is fixed: only so are the public words and the key tied.
			program := p.Program()
			x.expect.Program, x.expect.Outputs, x.expect.Tables = &program, sameOutputs(p.Outputs()), []*Table{x.table}
			parts := regions(x.table, p, p.Layout == proof.Tagged)
			rng := rand.New(rand.NewPCG(7, uint64(len(x.wire))))
			lenient, tried := map[string]int{}, map[string]int{}
			for i := range x.count {
				part := parts[i%len(parts)]
				word := part.from + rng.IntN(part.to-part.from)
				wire := bytes.Clone(x.wire)
				what, same := mutate(rng, wire, word)
				tried[part.name]++
				e := x.expect
				if _, err := Wire(wire, e); step(err) == "" {
					t.Errorf("strict: word %d of %s, %s: %v", word-part.from, part.name, what, err)
				}
				e.Lenient = true
				_, err := Wire(wire, e)
				body := part.from >= 2+len(p.Publics) && part.name != "setup key" && part.name != "hash tag" && p.Body[0] != multiproofTag
				if (err == nil) != (part.padding || body && same) {
					t.Errorf("lenient: word %d of %s, %s, the same element: %t: %v", word-part.from, part.name, what, same, err)
				}
				if err == nil {
					lenient[part.name]++
				}
			}
			t.Logf("%d changes in %d parts, none accepted; by lenience: %v", x.count, len(tried), lenient)
		})
	}
}
