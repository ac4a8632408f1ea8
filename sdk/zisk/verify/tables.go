package verify

import (
	"embed"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// files holds the tables, one in each file. They are data of ZisK's published verifiers;
// index.json and the file itself name the source of each. SOURCE.md says how they were
// made.
//
//go:embed tables/*.json.gz tables/index.json
var files embed.FS

// entry is a table in the index. The table itself is read when load is first called.
type entry struct {
	File     string       `json:"file"`
	Releases []string     `json:"releases"`
	Family   proof.Family `json:"family"`
	Variant  string       `json:"variant"`
	Words    int          `json:"body_words"`
	Publics  int          `json:"publics_in_constraints"`
	Digest   string       `json:"sha256_of_json"`
	Source   string       `json:"source"`

	load func() (*Table, error)
}

// entries is the index of the embedded tables, oldest release first.
var entries = sync.OnceValues(func() ([]*entry, error) {
	text, err := files.ReadFile("tables/index.json")
	if err != nil {
		return nil, err
	}
	var list []*entry
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("index of the tables: %w", err)
	}
	for _, e := range list {
		e.load = sync.OnceValues(func() (*Table, error) {
			packed, err := files.ReadFile("tables/" + e.File)
			if err != nil {
				return nil, err
			}
			t, err := readTable(packed)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.File, err)
			}
			return t, nil
		})
	}
	return list, nil
})

// matching yields the entries of the embedded tables that pass the filter. It reads only
// the index.
func matching(filter func(*entry) bool) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		list, err := entries()
		if err != nil {
			yield(nil, err)
			return
		}
		for _, e := range list {
			if filter(e) && !yield(e, nil) {
				return
			}
		}
	}
}

// isFor reports whether the entry is for the release.
func (e *entry) isFor(r proof.Release) bool {
	return slices.ContainsFunc(e.Releases, func(name string) bool {
		other, err := proof.ParseRelease(name)
		return err == nil && other == r
	})
}

func (e *entry) minimal() bool { return e.Variant == variantMinimal }

// Find returns the embedded table of a release, hash family and kind of proof. It fails if
// there is none.
func Find(r proof.Release, family proof.Family, minimal bool) (*Table, error) {
	for e, err := range matching(func(e *entry) bool { return e.isFor(r) && e.Family == family && e.minimal() == minimal }) {
		if err != nil {
			return nil, err
		}
		return e.load()
	}
	return nil, fmt.Errorf("there is no table for %s proofs of ZisK %v with %s", kindOf(minimal), r, family)
}

// Preload reads the tables of a release before its first proof, so that the first
// verification does not wait for them. It takes about 10 ms, once in a process. A table
// that cannot be read is an error of the verification that needs it, not of Preload.
func Preload(r proof.Release, minimal bool) {
	for e, err := range matching(func(e *entry) bool { return e.isFor(r) && e.minimal() == minimal }) {
		if err == nil {
			_, _ = e.load()
		}
	}
}

// Supported reports whether there is a table for any proof of the release.
func Supported(r proof.Release) bool {
	for e, err := range matching(func(e *entry) bool { return e.isFor(r) }) {
		return err == nil && e != nil
	}
	return false
}
