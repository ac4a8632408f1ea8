package verify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// real is a proof that ZisK made, as eth-act/ere keeps it.
type real struct {
	name                string
	file, wire, outputs []byte
	setup, program      proof.Key
	release             proof.Release
}

func reals(t testing.TB) []real {
	t.Helper()
	var out []real
	for _, name := range []string{"1.1.0-alpha", "1.1.0-alpha-first-key"} {
		r := real{name: name, release: proof.Release{Major: 1, Minor: 1},
			file:    readShared(t, "fixtures", name, "proof.bin"),
			wire:    readShared(t, "fixtures", name, "wire.bin"),
			outputs: readShared(t, "fixtures", name, "public_values.bin")}
		for file, to := range map[string]*proof.Key{"setup_vk.bin": &r.setup, "program_vk.bin": &r.program} {
			key, err := proof.KeyOf(readShared(t, "fixtures", name, file))
			if err != nil {
				t.Fatal(err)
			}
			*to = key
		}
		out = append(out, r)
	}
	return out
}

// sameOutputs wants exactly these public outputs.
func sameOutputs(want []byte) func([]byte) error {
	return func(got []byte) error {
		if !bytes.Equal(got, want) {
			return errors.New("other outputs")
		}
		return nil
	}
}

func (r *real) expect() Expect {
	return Expect{Setup: r.setup, Release: r.release, Program: &r.program, Outputs: sameOutputs(r.outputs)}
}

func TestReal(t *testing.T) {
	for _, r := range reals(t) {
		for _, lenient := range []bool{false, true} {
			for name, expect := range map[string]Expect{"all known": r.expect(), "key alone": {Setup: r.setup}} {
				expect.Lenient = lenient
				result, err := Wire(r.wire, expect)
				if err != nil {
					t.Fatalf("%s, %s: %v", r.name, name, err)
				}
				if result.Known == nil || result.Known.Version != "1.1.0-alpha" || result.Table.Releases[0] != "1.1.0-alpha" || result.Hollow || result.Table.BindsPublics() {
					t.Errorf("%s: %+v", r.name, result)
				}
			}
		}
		p, err := proof.Decode(r.file, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Proof(p, r.expect()); err != nil {
			t.Errorf("%s, as a file: %v", r.name, err)
		}
		if wire, err := p.Wire(r.release, &r.setup); err != nil || !bytes.Equal(wire, r.wire) {
			t.Errorf("%s: the file and the wire form differ: %v", r.name, err)
		}
		if _, err := Wire(r.file, r.expect()); step(err) != StepForm {
			t.Errorf("%s: a file that is no wire form: %v", r.name, err)
		}
	}
}

// step returns the step of a rejection, and "" for another error or none.
func step(err error) Step {
	var r *Rejection
	if errors.As(err, &r) {
		return r.Step
	}
	return ""
}

func TestRefused(t *testing.T) {
	all := reals(t)
	r, other := all[0], all[1]
	for name, tc := range map[string]struct {
		change func(*Expect)
		want   Step
		text   string
	}{
		"another setup":   {func(e *Expect) { e.Setup = other.setup }, StepSetup, "1.1.0-alpha"},
		"another program": {func(e *Expect) { e.Program = &proof.Key{1} }, StepProgram, "program"},
		"other outputs":   {func(e *Expect) { e.Outputs = sameOutputs(nil) }, StepPublics, "outputs"},
	} {
		e := r.expect()
		tc.change(&e)
		if _, err := Wire(r.wire, e); step(err) != tc.want || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A proof whose bytes name the key that is asked for, but were made with another.
	forged := bytes.Clone(other.wire)
	copy(forged[len(forged)-32:], r.setup.Bytes())
	if _, err := Wire(forged, Expect{Setup: r.setup}); step(err) != StepWork {
		t.Errorf("a proof under another key: %v", err)
	}
	for _, e := range []Expect{{}, {Setup: r.setup, Release: proof.Release{Major: 1, Minor: 5}}} {
		if _, err := Wire(r.wire, e); err == nil || step(err) != "" {
			t.Errorf("%+v: %v", e, err)
		}
	}
	if _, err := Wire(r.wire, Expect{Setup: r.setup, Release: proof.Release{Major: 1, Minor: 5}}); !errors.Is(err, ErrNoTable) || !strings.Contains(err.Error(), "1.5") {
		t.Errorf("an unknown release: %v", err)
	}
}

// TestHollow holds that the published minimal setup of 0.17 and 0.18 is the root
// of constants that are all zero, and the only such one.
func TestHollow(t *testing.T) {
	for _, s := range proof.Setups {
		table, err := Find(s.Release(), s.Family, s.Minimal)
		if err != nil {
			t.Fatal(err)
		}
		hollow, err := table.hollow(s.Key)
		if err != nil {
			t.Fatal(err)
		}
		if want := s.Version == "0.18.0" && s.Minimal; hollow != want {
			t.Errorf("ZisK %s, %s, minimal %t: hollow: %t", s.Version, s.Family, s.Minimal, hollow)
		}
	}
}

func ExampleWire() {
	_, err := Wire([]byte("no proof"), Expect{Setup: proof.Setups[0].Key})
	fmt.Println(err)
	// Output: 8 bytes are no proof in any layout of ZisK 0.14 to 1.4
}
