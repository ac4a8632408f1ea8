package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// ProvingKey is the part of a proving key on disk that the verification of one kind of
// proof needs.
type ProvingKey struct {
	Key   proof.Key // the setup key
	Table *Table
}

// maxKeyFile is the size in bytes of the largest JSON file of a proving key that is read.
const maxKeyFile = 64 << 20

// ReadProvingKey reads the setup key and the table of final or minimal proofs
// from the directory of a proving key, for a release that has no embedded table.
// It was written from published definitions and not tried with a real proving key. Before
// its table is relied on, the release's own tool should have accepted a proof that the
// table accepts. Errors name the file.
//
// Source: crates.io proofman-common 1.1.0-alpha to 1.4.0-alpha:
// src/stark_info.rs, src/global_info.rs, for the names of the schedule;
// 0xPolygonHermez/pil2-proofman:setup/pil2-stark/src@v1.1.0-alpha for the rest.
func ReadProvingKey(dir string, minimal bool) (*ProvingKey, error) {
	stage := variantFinal
	if minimal {
		stage = variantMinimal
	}
	base := filepath.Join(dir, "zisk", stage, stage)
	raw, err := os.ReadFile(base + ".verkey.bin")
	if err != nil {
		return nil, err
	}
	key, err := proof.KeyOf(raw)
	if err != nil {
		return nil, fmt.Errorf("%s.verkey.bin: %w", base, err)
	}
	var global globalInfo
	if err := readJSON(filepath.Join(dir, "pilout.globalInfo.json"), &global); err != nil {
		return nil, err
	}
	var info starkInfo
	if err := readJSON(base+".starkinfo.json", &info); err != nil {
		return nil, err
	}
	var code verifierInfo
	if err := readJSON(base+".verifierinfo.json", &code); err != nil {
		return nil, err
	}
	f, err := info.tableFile(&code, global.Hash)
	if err != nil {
		return nil, fmt.Errorf("%s.starkinfo.json: %w", base, err)
	}
	f.Variant, f.Source = stage, base
	t, err := f.build()
	if err != nil {
		return nil, fmt.Errorf("%s.starkinfo.json: %w", base, err)
	}
	t.publics = info.Publics
	return &ProvingKey{Key: key, Table: t}, nil
}

func readJSON(path string, into any) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = fmt.Errorf("more than %d bytes", maxKeyFile)
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// tableFile returns the numbers of a proving key in the form of a table file.
func (s *starkInfo) tableFile(code *verifierInfo, hash string) (*tableFile, error) {
	st := &s.Struct
	family, err := proof.ParseFamily(hash)
	if err != nil {
		return nil, fmt.Errorf("the proving key does not say its family of hash functions in pilout.globalInfo.json: %w", err)
	}
	switch {
	case st.Hash != "GL":
		return nil, fmt.Errorf("the hash type %q is unknown", st.Hash)
	case len(s.Custom) > 0:
		return nil, errors.New("custom commitments are unknown")
	case s.Publics < 1 || s.Publics > publicWords:
		return nil, fmt.Errorf("%d public words", s.Publics)
	}
	f := &tableFile{Family: string(family)}
	width := func(w int) hashFile { return hashFile{string(family), w} }
	f.Hash.Leaf, f.Hash.Node = width(4*st.Arity), width(4*st.Arity)
	f.Hash.Transcript, f.Hash.Work = width(4*st.TranscriptArity), width(8)
	if family == proof.Blake3 {
		f.Hash.Transcript = width(8)
	}
	in := &f.Info
	in.Bits, in.Extended, in.Stages, in.Constants, in.Drawn = st.Bits, st.Extended, s.Stages, s.Constants, challenges
	in.Columns = []int{s.Sections["cm1"], s.Sections["cm2"], s.Sections["cm3"]}
	in.Evals, in.Parts, in.Openings = len(s.Evals), s.Parts, s.Openings
	for _, b := range s.Boundaries {
		in.Boundary = append(in.Boundary, b.Name)
	}
	f.schedule(s)
	if s.Multiproof != (in.Stir != nil) {
		return nil, fmt.Errorf("shared openings, %t, with the low-degree test %s", s.Multiproof, f.Test)
	}
	in.Quotient = slices.IndexFunc(s.Evals, func(e evalRef) bool {
		return e.Type == "cm" && e.ID >= 0 && e.ID < len(s.Columns) && s.Columns[e.ID].Stage == s.Stages+1 && s.Columns[e.ID].StageID == 0
	})
	if err := f.evals(s); err != nil {
		return nil, err
	}
	return f, f.program(code)
}

// schedule copies the parameters of the low-degree test.
func (f *tableFile) schedule(s *starkInfo) {
	st, in := &s.Struct, &f.Info
	if st.Test == "STIR" {
		f.Test = "stir"
		in.Stir = &stirFile{Arity: st.Arity, Last: st.Last, Hashed: st.Hashed, Folds: st.Folds, Degrees: st.Degrees,
			Domains: st.Domains, Queries: st.Rounds, WorkBits: st.Grinding}
		return
	}
	f.Test = "fri"
	in.Arity, in.Last, in.Hashed, in.Queries, in.WorkBits = st.Arity, st.Last, st.Hashed, st.Queries, st.WorkBits
	for _, step := range st.Steps {
		in.Steps = append(in.Steps, step.Bits)
	}
	if len(st.Domains) > 0 {
		in.Steps = st.Domains
		if len(st.Rounds) == 1 && len(st.Grinding) == 1 {
			in.Queries, in.WorkBits = st.Rounds[0], st.Grinding[0]
		}
	}
}

// evals copies the columns under test. From 1.4 on the weight of a column is the power
// whose exponent is the position at which the column first appears.
func (f *tableFile) evals(s *starkInfo) error {
	powers := len(s.Struct.Domains) > 0
	f.Deep.Weights = "horner"
	if powers {
		f.Deep.Weights = "power"
	}
	seen := map[[2]int]int{}
	type reference struct{ bucket, offset, width int }
	groups := make([][]reference, len(s.Openings))
	order := 0
	for _, e := range s.Evals {
		var r reference
		switch {
		case e.Opening < 0 || e.Opening >= len(groups) || e.Opening < order:
			return fmt.Errorf("the evaluations are not in the order of the opening points")
		case e.Type == "const":
			r = reference{0, e.ID, 1}
		case e.Type == "cm" && e.ID >= 0 && e.ID < len(s.Columns):
			c := s.Columns[e.ID]
			r = reference{c.Stage, c.Position, c.Width}
		default:
			return fmt.Errorf("an evaluation of type %q, number %d", e.Type, e.ID)
		}
		order = e.Opening
		groups[e.Opening] = append(groups[e.Opening], r)
	}
	for opening, g := range groups {
		if len(g) == 0 {
			continue
		}
		out := deepInFile{opening: opening}
		for _, r := range g {
			out.flat = append(out.flat, r.bucket, r.offset, r.width)
			if powers {
				at := [2]int{r.bucket, r.offset}
				if _, ok := seen[at]; !ok {
					seen[at] = len(seen)
				}
				out.flat = append(out.flat, seen[at])
			}
		}
		f.Deep.Groups = append(f.Deep.Groups, out)
	}
	return nil
}

// program copies the constraints.
func (f *tableFile) program(code *verifierInfo) error {
	constants := map[string]int{}
	constant := func(value string) int {
		n, ok := constants[value]
		if !ok {
			n = len(constants)
			constants[value] = n
			f.Program.Constants = append(f.Program.Constants, value)
		}
		return n
	}
	operand := func(o operandRef) ([]int, error) {
		switch o.Type {
		case "tmp":
			return []int{kindTemporary, o.ID, 0}, nil
		case "eval":
			return []int{kindEval, o.ID, 0}, nil
		case "challenge":
			return []int{kindChallenge, o.ID, 0}, nil
		case "public":
			f.Publics = max(f.Publics, o.ID+1)
			return []int{kindPublic, o.ID, 0}, nil
		case "Zi":
			return []int{kindBoundary, o.Boundary, 0}, nil
		case "number":
			text := string(o.Value)
			if plain, err := strconv.Unquote(text); err == nil {
				text = plain
			}
			return []int{kindConstant, constant(text), 0}, nil
		}
		return nil, fmt.Errorf("an operand of the type %q", o.Type)
	}
	p := &f.Program
	p.Temporaries = code.Quotient.Temporaries
	for i, c := range code.Quotient.Code {
		op, ok := map[string]int{"add": opAdd, "sub": opSubtract, "mul": opMultiply, "copy": opAdd}[c.Op]
		sources := c.Sources
		if c.Op == "copy" { // the same as adding 0
			sources = append(slices.Clone(sources), operandRef{Type: "number", Value: json.RawMessage("0")})
		}
		if !ok || len(sources) != 2 || c.Destination.Type != "tmp" {
			return fmt.Errorf("instruction %d of the constraints: %q of %d operands to a %q", i, c.Op, len(c.Sources), c.Destination.Type)
		}
		line := []int{op, c.Destination.ID}
		for _, s := range sources {
			o, err := operand(s)
			if err != nil {
				return fmt.Errorf("instruction %d of the constraints: %w", i, err)
			}
			line = append(line, o...)
		}
		p.Flat = append(p.Flat, line...)
		p.Result = c.Destination.ID
	}
	p.Operations = len(p.Flat) / 8
	return nil
}
