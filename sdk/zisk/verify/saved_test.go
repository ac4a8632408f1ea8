package verify

import (
	"bytes"
	"testing"

	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

// TestSavedFiles takes proofs into the files of every release that can hold
// them, made from ZisK's type definitions by package prooftest, and back to the
// wire form, which is verified.
func TestSavedFiles(t *testing.T) {
	type one struct {
		name    string
		release string
		wire    []byte
		key     proof.Key
	}
	var all []one
	for _, r := range reals(t) {
		all = append(all, one{r.name, "1.1.0-alpha", r.wire, r.setup}, one{r.name, "1.2.0-alpha", r.wire, r.setup})
	}
	for _, s := range synthetics(t) {
		release, _, _ := bytes.Cut([]byte(s.name), []byte("-poseidon"))
		release, _, _ = bytes.Cut(release, []byte("-blake3"))
		if s.name[:4] != "0.15" { // its file here has the header of later releases
			all = append(all, one{s.name, string(release), s.wire, s.key})
		}
	}
	for _, x := range all {
		r, err := proof.ParseRelease(x.release)
		if err != nil {
			t.Fatal(err)
		}
		saved, err := r.Saved()
		if err != nil {
			t.Fatal(err)
		}
		layouts := []proof.Layout{saved}
		if x.release == "1.4.0-alpha" {
			layouts = append(layouts, proof.Bincode140)
		}
		p, err := proof.Decode(x.wire, "")
		if err != nil {
			t.Fatal(err)
		}
		if p.Family == "" {
			if p.Family = proof.Poseidon2; bytes.Contains([]byte(x.name), []byte("poseidon1")) || x.release[:3] == "1.1" || x.release[:3] == "1.2" {
				p.Family = proof.Poseidon1
			}
		}
		for _, layout := range layouts {
			for _, seeded := range []bool{false, x.release == "1.4.0-alpha"} {
				file := *p
				file.Layout, file.Seeded = layout, seeded
				data := prooftest.Encode(&file)
				got, err := proof.Decode(data, layout)
				if err != nil {
					t.Errorf("%s as %s: %v", x.name, layout, err)
					continue
				}
				wire, err := got.Wire(r, &x.key)
				if err != nil || !bytes.Equal(wire, x.wire) {
					t.Errorf("%s as %s: the wire form differs: %v", x.name, layout, err)
					continue
				}
				if seeded != got.Seeded {
					t.Errorf("%s as %s: seeded %t", x.name, layout, got.Seeded)
				}
				if !seeded { // the wire forms are equal, and so one verification will do
					if _, err := Wire(wire, Expect{Setup: x.key, Release: r}); err != nil {
						t.Errorf("%s as %s: %v", x.name, layout, err)
					}
				}
				if layout != proof.Tagged || seeded {
					if _, err := Wire(data, Expect{Setup: x.key, Release: r}); step(err) != StepForm {
						t.Errorf("%s as %s, seeded %t: taken for a wire form: %v", x.name, layout, seeded, err)
					}
				}
			}
		}
	}
}
