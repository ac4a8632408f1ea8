package verify

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// tableFile is the JSON of a table.
type tableFile struct {
	Source   string   `json:"source"`
	Releases []string `json:"releases"`
	Family   string   `json:"family"`
	Variant  string   `json:"variant"`
	Hash     struct {
		Leaf       hashFile `json:"leaf"`
		Node       hashFile `json:"node"`
		Transcript hashFile `json:"transcript"`
		Work       hashFile `json:"pow"`
	} `json:"hash"`
	Test string `json:"ldt"`
	Info struct {
		Bits      int       `json:"n_bits"`
		Extended  int       `json:"n_bits_ext"`
		Stages    int       `json:"n_stages"`
		Constants int       `json:"n_constants"`
		Columns   []int     `json:"num_vals"`
		Evals     int       `json:"n_evals"`
		Parts     int       `json:"q_deg"`
		Quotient  int       `json:"q_index"`
		Openings  []int     `json:"opening_points"`
		Boundary  []string  `json:"boundaries"`
		Drawn     int       `json:"n_challenges"`
		Arity     int       `json:"arity"`
		Last      int       `json:"last_level_verification"`
		Hashed    bool      `json:"hash_commits"`
		Queries   int       `json:"n_fri_queries"`
		WorkBits  int       `json:"pow_bits"`
		Steps     []int     `json:"fri_steps"`
		Stir      *stirFile `json:"stir"`
	} `json:"info"`
	Words   int `json:"body_words"`
	Publics int `json:"n_publics_in_q"`
	Program struct {
		Temporaries int      `json:"tmps"`
		Result      int      `json:"result"`
		Constants   []string `json:"consts"`
		Operations  int      `json:"n_ops"`
		Flat        []int    `json:"ops"`
	} `json:"q_verify"`
	Deep struct {
		Weights string       `json:"weights"`
		Groups  []deepInFile `json:"groups"`
	} `json:"deep"`
}

// stirFile holds the parameters of STIR in a table file.
type stirFile struct {
	Arity    int   `json:"arity"`
	Last     int   `json:"last_level_verification"`
	Hashed   bool  `json:"hash_commits"`
	Folds    []int `json:"folding_factors"`
	Degrees  []int `json:"log_degrees"`
	Domains  []int `json:"log_domain_sizes"`
	Queries  []int `json:"num_queries"`
	WorkBits []int `json:"grinding_bits_queries"`
}

// hashFile is a hash function in a table file: the list [family, width].
type hashFile hashSpec

func (h *hashFile) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[2]any{&h.family, &h.width})
}

// deepInFile is a group of columns in a table file: the list
// [opening, [bucket, offset, width(, power), …]].
type deepInFile struct {
	opening int
	flat    []int
}

func (d *deepInFile) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[2]any{&d.opening, &d.flat})
}

// maxTable is the size in bytes of the largest table file, decompressed.
const maxTable = 4 << 20

// The variants of a setup, by their names in tables and in the folders of a proving key.
const (
	variantFinal   = "vadcop_final"
	variantMinimal = "vadcop_final_compressed"
)

// readTable reads a table file that is compressed with gzip.
func readTable(packed []byte) (*Table, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxTable+1))
	if err != nil {
		return nil, err
	}
	return parseTable(text)
}

func parseTable(text []byte) (*Table, error) {
	if len(text) > maxTable {
		return nil, fmt.Errorf("more than %d bytes are too many for a table", maxTable)
	}
	var f tableFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	return f.table()
}

// table returns the table of a file, and fails if a body does not have the number of words
// that the file states.
func (f *tableFile) table() (*Table, error) {
	t, err := f.build()
	if err == nil && t.words != f.Words {
		err = fmt.Errorf("the proof has %d words by its parts, %d by the table", t.words, f.Words)
	}
	return t, err
}

// build returns the table of a file after all other checks.
func (f *tableFile) build() (*Table, error) {
	family, err := proof.ParseFamily(f.Family)
	if err != nil {
		return nil, err
	}
	in := &f.Info
	switch {
	case f.Variant != variantFinal && f.Variant != variantMinimal:
		return nil, fmt.Errorf("unknown variant %q", f.Variant)
	case in.Stages != 2 || in.Drawn != challenges || !slices.Equal(in.Boundary, []string{"everyRow"}) || len(in.Columns) != 3:
		return nil, fmt.Errorf("%d stages, %d challenges, the boundaries %q, %d trees: this verifier knows 2, %d, everyRow and 3", in.Stages, in.Drawn, in.Boundary, len(in.Columns), challenges)
	}
	t := &Table{Releases: f.Releases, Family: family, Minimal: f.Variant == variantMinimal, Source: f.Source,
		bits: in.Bits, extended: in.Extended, columns: [4]int{in.Constants, in.Columns[0], in.Columns[1], in.Columns[2]},
		evals: in.Evals, quotient: in.Quotient, parts: in.Parts, openings: in.Openings}
	t.hashes.leaf, t.hashes.node = hashSpec(f.Hash.Leaf), hashSpec(f.Hash.Node)
	t.hashes.transcript, t.hashes.work = hashSpec(f.Hash.Transcript), hashSpec(f.Hash.Work)
	hashed := in.Hashed
	switch {
	case f.Test == "fri" && in.Stir == nil:
		t.fri = &fri{steps: in.Steps, workBits: in.WorkBits}
		t.shape, t.queries = branching{in.Arity, in.Last}, in.Queries
	case f.Test == "stir" && in.Stir != nil && len(in.Stir.Queries) > 0:
		s := in.Stir
		t.stir = &stir{folds: s.Folds, degrees: s.Degrees, domains: s.Domains, queries: s.Queries, workBits: s.WorkBits}
		t.shape, t.queries, hashed = branching{s.Arity, s.Last}, s.Queries[0], s.Hashed
	default:
		return nil, fmt.Errorf("unknown low-degree test %q", f.Test)
	}
	if !hashed {
		return nil, fmt.Errorf("a transcript of unhashed commitments is not known to this verifier")
	}
	constants := make([]uint64, len(f.Program.Constants))
	for i, text := range f.Program.Constants {
		if constants[i], err = strconv.ParseUint(text, 10, 64); err != nil || constants[i] >= goldilocks.Modulus {
			return nil, fmt.Errorf("constant %d, %q, is no field element", i, text)
		}
	}
	if f.Program.Operations*8 != len(f.Program.Flat) {
		return nil, fmt.Errorf("%d numbers for %d operations", len(f.Program.Flat), f.Program.Operations)
	}
	if t.constraints, err = compile(f.Program.Temporaries, f.Program.Result, constants, in.Evals, f.Program.Flat); err != nil {
		return nil, fmt.Errorf("constraints: %w", err)
	}
	if t.constraints.maxPublics != f.Publics {
		return nil, fmt.Errorf("the constraints read %d public words, not %d", t.constraints.maxPublics, f.Publics)
	}
	if len(f.Releases) > 0 {
		r, err := proof.ParseRelease(f.Releases[0])
		if err != nil {
			return nil, err
		}
		t.publics = r.PublicWords(t.Minimal)
	}
	if t.deep, err = f.columns(t); err != nil {
		return nil, fmt.Errorf("columns under test: %w", err)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.words = t.count()
	return t, nil
}

// columns reads the groups of opened columns.
func (f *tableFile) columns(t *Table) (*deep, error) {
	numbers := 3
	switch f.Deep.Weights {
	case "horner":
	case "power":
		numbers = 4
	default:
		return nil, fmt.Errorf("unknown weights %q", f.Deep.Weights)
	}
	var groups []deepGroup
	for _, g := range f.Deep.Groups {
		if len(g.flat)%numbers != 0 {
			return nil, fmt.Errorf("%d numbers of columns of %d each", len(g.flat), numbers)
		}
		group := deepGroup{opening: g.opening}
		for c := range slices.Chunk(g.flat, numbers) {
			column := deepColumn{bucket: c[0], offset: c[1], width: c[2]}
			if numbers == 4 {
				column.power = c[3]
			}
			group.columns = append(group.columns, column)
		}
		groups = append(groups, group)
	}
	return newDeep(groups, numbers == 4, t.columns, len(t.openings), t.evals)
}
