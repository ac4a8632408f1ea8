package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// writeProvingKey writes the files of a proving key with the numbers of an
// embedded table: the mapping of the definitions, backwards. No real proving key
// was at hand, so that the test shows that the mapping loses nothing, and not
// that real files have this form.
func writeProvingKey(t *testing.T, dir string, f *tableFile, key proof.Key) {
	t.Helper()
	var s starkInfo
	st, in := &s.Struct, &f.Info
	st.Bits, st.Extended, st.Hash, st.TranscriptArity = in.Bits, in.Extended, "GL", f.Hash.Transcript.width/4
	st.Arity, st.Last, st.Hashed = in.Arity, in.Last, in.Hashed
	modern := f.Deep.Weights == "power"
	switch {
	case in.Stir != nil:
		r := in.Stir
		st.Test, s.Multiproof = "STIR", true
		st.Arity, st.Last, st.Hashed = r.Arity, r.Last, r.Hashed
		st.Folds, st.Degrees, st.Domains, st.Rounds, st.Grinding = r.Folds, r.Degrees, r.Domains, r.Queries, r.WorkBits
	case modern:
		st.Domains, st.Rounds, st.Grinding = in.Steps, numbers{in.Queries}, numbers{in.WorkBits}
	default:
		st.Queries, st.WorkBits = in.Queries, in.WorkBits
		for _, bits := range in.Steps {
			st.Steps = append(st.Steps, struct {
				Bits int `json:"nBits"`
			}{bits})
		}
	}
	s.Publics = 69
	if f.Variant == variantMinimal {
		s.Publics = 68
	}
	s.Stages, s.Constants, s.Openings, s.Parts = in.Stages, in.Constants, in.Openings, in.Parts
	s.Sections = map[string]int{"cm1": in.Columns[0], "cm2": in.Columns[1], "cm3": in.Columns[2]}
	s.Boundaries = append(s.Boundaries, struct {
		Name string `json:"name"`
	}{"everyRow"})
	size := 3
	if modern {
		size = 4
	}
	ids := map[[2]int]int{}
	stage := map[int]int{}
	for _, g := range f.Deep.Groups {
		for i := 0; i < len(g.flat); i += size {
			c := g.flat[i : i+3]
			if c[0] == 0 {
				s.Evals = append(s.Evals, evalRef{"const", c[1], g.opening})
				continue
			}
			at := [2]int{c[0], c[1]}
			id, ok := ids[at]
			if !ok {
				id = len(s.Columns)
				ids[at] = id
				column := s.Columns
				s.Columns = append(column, struct {
					Stage    int `json:"stage"`
					StageID  int `json:"stageId"`
					Position int `json:"stagePos"`
					Width    int `json:"dim"`
				}{c[0], stage[c[0]], c[1], c[2]})
				stage[c[0]]++
			}
			s.Evals = append(s.Evals, evalRef{"cm", id, g.opening})
		}
	}
	var v verifierInfo
	v.Quotient.Temporaries = f.Program.Temporaries
	for i := 0; i < len(f.Program.Flat); i += 8 {
		o := f.Program.Flat[i : i+8]
		operand := func(kind, x int) operandRef {
			r := operandRef{ID: x, Type: map[int]string{kindTemporary: "tmp", kindEval: "eval", kindChallenge: "challenge", kindConstant: "number", kindBoundary: "Zi", kindPublic: "public"}[kind]}
			if kind == kindConstant {
				r.Value = json.RawMessage(`"` + f.Program.Constants[x] + `"`)
			}
			return r
		}
		v.Quotient.Code = append(v.Quotient.Code, instruction{[]string{"add", "sub", "mul"}[o[0]], operandRef{Type: "tmp", ID: o[1]},
			[]operandRef{operand(o[2], o[3]), operand(o[5], o[6])}})
	}
	write := func(name string, value any) {
		data, ok := value.([]byte)
		if !ok {
			var err error
			if data, err = json.Marshal(value); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	base := filepath.Join("zisk", f.Variant, f.Variant)
	write("pilout.globalInfo.json", globalInfo{f.Family})
	write(base+".verkey.bin", key.Bytes())
	write(base+".starkinfo.json", s)
	write(base+".verifierinfo.json", v)
}

func TestProvingKey(t *testing.T) {
	for _, s := range synthetics(t) {
		if !strings.HasPrefix(s.name, "1.1") && !strings.HasPrefix(s.name, "1.3") && !strings.HasPrefix(s.name, "1.4") {
			continue // up to 0.18 the proof of work has another width, and at 1.0 there are fewer public words
		}
		packed, err := files.ReadFile("tables/" + s.table)
		if err != nil {
			t.Fatal(err)
		}
		var f tableFile
		if err := json.Unmarshal(unpack(t, packed), &f); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		writeProvingKey(t, dir, &f, s.key)
		minimal := f.Variant == variantMinimal
		got, err := ReadProvingKey(dir, minimal)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if got.Key != s.key || got.Table.Words() == 0 {
			t.Errorf("%s: key %v", s.name, got.Key)
		}
		unknown := proof.Release{Major: 1, Minor: 9}
		result, err := Wire(s.wire, Expect{Setup: got.Key, Release: unknown, Tables: []*Table{got.Table}})
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		} else if result.Table != got.Table {
			t.Errorf("%s: verified by %v", s.name, result.Table)
		}
		changed := bytes.Clone(s.wire)
		changed[5000] ^= 1
		if _, err := Wire(changed, Expect{Setup: got.Key, Release: unknown, Tables: []*Table{got.Table}}); step(err) == "" {
			t.Errorf("%s: a changed proof: %v", s.name, err)
		}
		if _, err := ReadProvingKey(dir, !minimal); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the other kind of proof: %v", s.name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "pilout.globalInfo.json"), []byte(`{}`), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadProvingKey(dir, minimal); err == nil || !strings.Contains(err.Error(), "globalInfo") {
			t.Errorf("%s: without a family: %v", s.name, err)
		}
	}
}
