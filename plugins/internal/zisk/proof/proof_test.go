package proof_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/plugins/internal/zisk/proof"
	"github.com/proofline/proofline/plugins/internal/zisk/proof/prooftest"
)

var layouts = []proof.Layout{
	proof.Words, proof.Flat, proof.Ere, proof.Bincode016, proof.Bincode017,
	proof.Bincode018, proof.Bincode100, proof.Bincode110,
}

// shared returns a file of the shared data, or skips.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	root := os.Getenv("PROOFLINE_SHARED")
	if root == "" {
		root = "../../../../../shared"
	}
	data, err := os.ReadFile(filepath.Join(root, "data", "zisk-proof", name))
	if os.IsNotExist(err) {
		t.Skipf("no shared data: %v (set PROOFLINE_SHARED)", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRealProof(t *testing.T) {
	p, err := proof.Decode(shared(t, "proof.bin"), "")
	if err != nil {
		t.Fatal(err)
	}
	if p.Layout != proof.Ere || !p.Minimal || p.Hash != "Poseidon1" || len(p.Body) != 31754 || p.IsTest() {
		t.Errorf("decoded as %s, minimal %t, hash %s, %d words, test %t", p.Layout, p.Minimal, p.Hash, len(p.Body), p.IsTest())
	}
	if program := p.Program(); !bytes.Equal(program.Bytes(), shared(t, "program_vk.bin")) {
		t.Errorf("program key %v", program)
	}
	if !bytes.Equal(p.Outputs(), shared(t, "public_values.bin")) {
		t.Errorf("outputs %x", p.Outputs())
	}

	want := shared(t, "ethproofs-wire.bin")
	if _, err := p.Wire(nil); err == nil {
		t.Error("the wire form was written without the setup's key")
	}
	got, err := p.Wire(&proof.Setups[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the wire form differs from ethproofs-wire.bin")
	}

	flat, err := proof.Decode(want, "")
	if err != nil {
		t.Fatal(err)
	}
	if flat.Layout != proof.Flat || proof.FindSetup(*flat.Setup) == nil {
		t.Errorf("the wire form decodes as %s with the setup %v", flat.Layout, flat.Setup)
	}
	if again, err := flat.Wire(nil); err != nil || !bytes.Equal(again, want) {
		t.Errorf("the wire form does not survive a round trip: %v", err)
	}
}

func TestRoundTrip(t *testing.T) {
	program := proof.Key{1, 2, 3, 0xffff_ffff_0000_0000}
	outputs := []uint32{7, 0xffff_ffff, 0, 9}
	for _, layout := range layouts {
		for _, minimal := range []bool{false, true} {
			if layout == proof.Words && minimal {
				continue
			}
			want := prooftest.New(layout, minimal, program, outputs, 400, 1)
			data := prooftest.Encode(want)
			got, err := proof.Decode(data, "")
			if err != nil {
				t.Fatalf("%s: %v", layout, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, minimal %t: %s", layout, minimal, diff)
			}
			if got.Program() != program || !got.IsTest() {
				t.Errorf("%s: program %v, test %t", layout, got.Program(), got.IsTest())
			}
			raw := got.Outputs()
			for i, want := range outputs {
				if n := binary.LittleEndian.Uint32(raw[4*i:]); n != want {
					t.Errorf("%s: output %d is %d", layout, i, n)
				}
			}
			compressed, err := proof.Compress(data)
			if err != nil {
				t.Fatal(err)
			}
			compressed = append(compressed, prooftest.Skippable("mark")...)
			if again, err := proof.Decode(compressed, layout); err != nil || !cmp.Equal(again, want) {
				t.Errorf("%s under zstd: %v", layout, err)
			}
		}
	}
}

func TestPublicsWithFlag(t *testing.T) {
	want := prooftest.New(proof.Bincode110, false, proof.Key{1, 2, 3, 4}, []uint32{5}, 300, 2)
	want.Publics = append([]uint64{1}, want.Publics...)
	got, err := proof.Decode(prooftest.Encode(want), proof.Bincode110)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Publics) != 69 || got.Program() != (proof.Key{1, 2, 3, 4}) {
		t.Errorf("%d public words, program %v", len(got.Publics), got.Program())
	}
	wire, err := got.Wire(nil)
	if err != nil {
		t.Fatal(err)
	}
	if flat, err := proof.Decode(wire, ""); err != nil || flat.Program() != got.Program() {
		t.Errorf("the wire form does not decode: %v", err)
	}
}

// TestDamage cuts, extends and alters proofs: none may be taken for a whole one
// of its layout, and none may allocate by a false length.
func TestDamage(t *testing.T) {
	for _, layout := range layouts {
		whole := prooftest.Encode(prooftest.New(layout, false, proof.Key{1, 2, 3, 4}, []uint32{5}, 300, 3))
		for _, n := range []int{0, 1, 7, 8, 12, len(whole) / 2, len(whole) - 1} {
			if layout == proof.Words && n%8 == 0 && n > 8*(6+256) {
				continue // a shorter proof proper looks whole in this layout
			}
			if _, err := proof.Decode(whole[:n:n], layout); err == nil {
				t.Errorf("%s: %d of %d bytes were taken for a proof", layout, n, len(whole))
			}
		}
		if _, err := proof.Decode(append(bytes.Clone(whole), 1), layout); err == nil {
			t.Errorf("%s: a byte too many was not noticed", layout)
		}
	}
	huge := bytes.Repeat([]byte{0xff}, 4096)
	for _, layout := range layouts {
		if _, err := proof.Decode(huge, layout); err == nil {
			t.Errorf("%s: nonsense was taken for a proof", layout)
		}
	}
}

func TestWireNeedsAgreement(t *testing.T) {
	p := prooftest.New(proof.Bincode018, true, proof.Key{1, 2, 3, 4}, nil, 300, 4)
	if _, err := p.Wire(&proof.Key{9, 9, 9, 9}); err == nil || !strings.Contains(err.Error(), "proving key") {
		t.Errorf("a proof of another setup was accepted: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	key := proof.Key{1, 2, 3, 4}
	for _, text := range []string{key.String(), "0x" + key.String()} {
		if got, err := proof.ParseKey(text); err != nil || got != key {
			t.Errorf("ParseKey(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0x12", strings.Repeat("f", 64), strings.Repeat("g", 64)} {
		if _, err := proof.ParseKey(text); err == nil {
			t.Errorf("ParseKey(%q) succeeded", text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, layout := range layouts {
		f.Add(prooftest.Encode(prooftest.New(layout, true, proof.Key{1, 2, 3, 4}, []uint32{5, 6}, 260, 5)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, layout := range append([]proof.Layout{""}, layouts...) {
			p, err := proof.Decode(data, layout)
			if err != nil {
				continue
			}
			p.Outputs()
			setup := p.Setup
			if setup == nil {
				setup = &proof.Key{}
			}
			wire, err := p.Wire(setup)
			if err != nil {
				t.Fatalf("%s: decoded, but: %v", p.Layout, err)
			}
			again, err := proof.Decode(wire, "")
			if err != nil {
				t.Fatalf("%s: the wire form does not decode: %v", p.Layout, err)
			}
			if again.Program() != p.Program() || !bytes.Equal(again.Outputs(), p.Outputs()) {
				t.Fatalf("%s: the wire form says something else", p.Layout)
			}
		}
	})
}
