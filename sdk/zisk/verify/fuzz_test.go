package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
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

// FuzzTable changes one number of a table, outside the long lists of operations
// and constants, and one operation, and verifies a body by what is taken for a
// table.
func FuzzTable(f *testing.F) {
	var all []tableFile
	for e, err := range matching(func(*entry) bool { return true }) {
		if err != nil {
			f.Fatal(err)
		}
		packed, err := files.ReadFile("tables/" + e.File)
		if err != nil {
			f.Fatal(err)
		}
		var t tableFile
		if err := json.Unmarshal(unpack(f, packed), &t); err != nil {
			f.Fatal(err)
		}
		all = append(all, t)
	}
	for i := range all {
		f.Add(uint8(i), uint8(i), int32(-1), uint32(3*i), int32(i))
	}
	f.Fuzz(func(t *testing.T, pick, number uint8, value int32, operation uint32, operand int32) {
		file := all[int(pick)%len(all)]
		in := &file.Info
		in.Columns, in.Openings, in.Steps = slices.Clone(in.Columns), slices.Clone(in.Openings), slices.Clone(in.Steps)
		numbers := []*int{&in.Bits, &in.Extended, &in.Stages, &in.Constants, &in.Evals, &in.Parts, &in.Quotient, &in.Drawn, &in.Arity, &in.Last,
			&in.Queries, &in.WorkBits, &file.Words, &file.Publics, &file.Program.Temporaries, &file.Program.Result, &file.Hash.Leaf.width,
			&file.Hash.Node.width, &file.Hash.Transcript.width, &file.Hash.Work.width, &in.Columns[0], &in.Columns[1], &in.Columns[2], &in.Openings[0]}
		for i := range in.Steps {
			numbers = append(numbers, &in.Steps[i])
		}
		if in.Stir != nil {
			s := *in.Stir
			in.Stir = &s
			numbers = append(numbers, &s.Arity, &s.Last)
			for _, list := range []*[]int{&s.Folds, &s.Degrees, &s.Domains, &s.Queries, &s.WorkBits} {
				*list = slices.Clone(*list)
				for i := range *list {
					numbers = append(numbers, &(*list)[i])
				}
			}
		}
		*numbers[int(number)%len(numbers)] = int(value)
		file.Program.Flat = slices.Clone(file.Program.Flat)
		file.Program.Flat[int(operation)%len(file.Program.Flat)] = int(operand)
		table, err := file.build()
		if err != nil {
			return
		}
		body := make([]uint64, table.Words())
		if table.stir != nil {
			body[0] = multiproofTag
		}
		_, _ = weaken(table).stark(proof.Key{1}, make([]uint64, 69), body, true)
	})
}
