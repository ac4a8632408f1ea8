package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// FuzzWire takes any bytes: nothing panics, nothing is accepted that is not one
// of the proofs that are known to hold, and the memory stays in proportion.
func FuzzWire(f *testing.F) {
	known := map[string]bool{}
	keys := map[proof.Key]bool{}
	add := func(wire []byte, key proof.Key) {
		known[string(wire)] = true
		keys[key] = true
		f.Add(wire)
		f.Add(wire[:len(wire)/2])
	}
	for _, r := range reals(f) {
		add(r.wire, r.setup)
		f.Add(r.file)
	}
	for _, s := range synthetics(f) {
		add(s.wire, s.key)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for key := range keys {
			if len(data) >= 40 && !bytes.Contains(data[len(data)-40:], key.Bytes()) {
				continue // rejected for its key
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Wire(data, Expect{Setup: key})
			runtime.ReadMemStats(&after)
			if err == nil && !known[string(data)] && !bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
				t.Fatal("a proof that nobody made was accepted")
			}
			var r *Rejection
			if err != nil && !errors.As(err, &r) && !errors.Is(err, ErrNoTable) {
				t.Fatalf("no verdict: %v", err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20+40*uint64(len(data)) {
				t.Fatalf("%d bytes were allocated for %d", used, len(data))
			}
		}
	})
}

// weaken returns a table without proofs of work whose constraints always hold
// when the parts of the quotient are 0: it lets changed proofs reach the last
// steps. The synthetic proofs have equal nodes at each level of their trees, so
// that their openings hold for any queries.
func weaken(t *Table) *Table {
	w := *t
	w.constraints = &program{ops: []operation{{op: opSubtract}}, size: t.constraints.size, base: t.constraints.base, constants: t.constraints.constants}
	if t.fri != nil {
		w.fri = &fri{steps: t.fri.steps}
	} else {
		s := *t.stir
		s.workBits = make([]int, len(s.workBits))
		w.stir = &s
	}
	return &w
}

// FuzzSteps changes valid proofs and verifies them by weakened tables, so that
// all steps see hostile values.
func FuzzSteps(f *testing.F) {
	type one struct {
		table *Table
		proof *proof.Proof
		key   proof.Key
	}
	var all []one
	tables := allTables(f)
	for _, s := range synthetics(f) {
		p, err := proof.Decode(s.wire, "")
		if err != nil {
			f.Fatal(err)
		}
		x := one{weaken(tables[s.table]), p, s.key}
		at := 12 + 3*x.table.quotient
		if p.Body[0] == multiproofTag {
			at++
		}
		clear(p.Body[at : at+3*x.table.parts])
		all = append(all, x)
	}
	for i := range all {
		f.Add(uint8(i), uint32(0), []byte{})
		f.Add(uint8(i), uint32(20000), []byte{1})
		f.Add(uint8(i), uint32(3000), bytes.Repeat([]byte{0xff}, 64))
	}
	f.Fuzz(func(t *testing.T, pick uint8, offset uint32, patch []byte) {
		x := all[int(pick)%len(all)]
		body := append([]uint64(nil), x.proof.Body...)
		at := int(offset) % len(body)
		for i := 0; i+8 <= len(patch) && at+i/8 < len(body); i += 8 {
			body[at+i/8] = binary.LittleEndian.Uint64(patch[i:])
		}
		if n := len(patch) % 8; n > 0 {
			body = body[:len(body)-int(patch[len(patch)-1])%len(body)]
		}
		for _, strict := range []bool{true, false} {
			_, err := x.table.stark(x.key, x.proof.Publics, body, strict)
			var r *Rejection
			if err != nil && !errors.As(err, &r) {
				t.Fatalf("no verdict: %v", err)
			}
		}
	})
}

// FuzzTable takes any bytes as a table.
func FuzzTable(f *testing.F) {
	for e, err := range matching(func(*entry) bool { return true }) {
		if err != nil {
			f.Fatal(err)
		}
		packed, err := files.ReadFile("tables/" + e.File)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(unpack(f, packed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := parseTable(text)
		if err != nil {
			return
		}
		body := make([]uint64, table.Words())
		if table.stir != nil {
			body[0] = multiproofTag
		}
		_, _ = table.stark(proof.Key{1}, make([]uint64, 69), body, true)
	})
}
