package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

var layouts = proof.Layouts()

// shared reads a file of the shared data, or skips.
func shared(t *testing.T, name ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(witnesstest.Shared(t, name...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var v11 = proof.Release{Major: 1, Minor: 1}

func TestRealProof(t *testing.T) {
	p, err := proof.Decode(shared(t, "data", "zisk-proof", "proof.bin"), "")
	if err != nil {
		t.Fatal(err)
	}
	if p.Layout != proof.Ere || !p.Minimal || p.Family != proof.Poseidon1 || len(p.Body) != 31754 || p.IsTest() {
		t.Errorf("decoded as %s, minimal %t, %s, %d words, test %t", p.Layout, p.Minimal, p.Family, len(p.Body), p.IsTest())
	}
	if program := p.Program(); !bytes.Equal(program.Bytes(), shared(t, "data", "zisk-proof", "program_vk.bin")) {
		t.Errorf("program key %v", program)
	}
	if !bytes.Equal(p.Outputs(), shared(t, "data", "zisk-proof", "public_values.bin")) {
		t.Errorf("outputs %x", p.Outputs())
	}

	want := shared(t, "data", "zisk-proof", "ethproofs-wire.bin")
	if _, err := p.Wire(v11, nil); err == nil {
		t.Error("the wire form was written without the setup's key")
	}
	setup, err := proof.KeyOf(want[len(want)-32:])
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []proof.Release{v11, {}} { // the key says the release, too
		if got, err := p.Wire(r, &setup); err != nil || !bytes.Equal(got, want) {
			t.Errorf("release %v: the wire form differs from ethproofs-wire.bin: %v", r, err)
		}
	}
	if _, err := p.Wire(proof.Release{}, &proof.Key{1}); err == nil {
		t.Error("the wire form of an unknown release was guessed")
	}

	flat, err := proof.Decode(want, "")
	if err != nil {
		t.Fatal(err)
	}
	if flat.Layout != proof.Flat || proof.FindSetup(*flat.Setup) == nil {
		t.Errorf("the wire form decodes as %s with the setup %v", flat.Layout, flat.Setup)
	}
	if again, err := flat.Wire(proof.Release{}, nil); err != nil || !bytes.Equal(again, want) {
		t.Errorf("the wire form does not survive a round trip: %v", err)
	}
}

// TestSavedFile reads a file of 1.1 that the reference verifier's author made
// from the type definitions of zisk-common 1.1.0-alpha.
func TestSavedFile(t *testing.T) {
	data := shared(t, "vectors", "zisk-verifier", "fixtures", "shapes", "saved-1.1-minimal.bin")
	for _, minor := range []int{1, 2, 3} {
		p, err := proof.DecodeSaved(data, proof.Release{Major: 1, Minor: minor})
		if err != nil {
			t.Fatal(err)
		}
		wire, err := p.Wire(proof.Release{Major: 1, Minor: minor}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := shared(t, "vectors", "zisk-verifier", "fixtures", "1.1.0-alpha", "wire.bin")
		if minor == 3 { // and the tag of Poseidon1
			want = append(want, make([]byte, 8)...)
		}
		if !bytes.Equal(wire, want) {
			t.Errorf("1.%d: the wire form of %d bytes is another than the known one of %d", minor, len(wire), len(want))
		}
	}
	for _, r := range []proof.Release{{Minor: 18}, {Major: 1, Minor: 4}, {Major: 1, Minor: 9}} {
		if _, err := proof.DecodeSaved(data, r); err == nil || !strings.Contains(err.Error(), r.String()) {
			t.Errorf("as a file of %v: %v", r, err)
		}
	}
}

// sample is the proof that the digests of TestEncoder were made of.
func sample(layout proof.Layout, minimal, seeded bool) *proof.Proof {
	p := prooftest.New(layout, minimal, proof.Key{1, 2, 3, 0xffff_ffff_0000_0000}, nil, 300, 1)
	x := uint64(12345)
	for i := range p.Body {
		x = x*6364136223846793005 + 1442695040888963407
		p.Body[i] = x % 0xffff_ffff_0000_0001
		if i%3 == 0 {
			p.Body[i] = x % 100000 >> (i % 17)
		}
	}
	first := len(p.Publics) - proof.OutputWords
	for i := range uint64(proof.OutputWords) {
		p.Publics[first+int(i)] = i * i * 1000003
	}
	p.Seeded = seeded
	return p
}

// TestEncoder holds package prooftest to files that serde and the crate bincode
// 2.0.1 wrote, from ZisK's type definitions as Rust.
func TestEncoder(t *testing.T) {
	for _, tc := range []struct {
		layout          proof.Layout
		minimal, seeded bool
		digest          string
	}{
		{proof.Bincode016, true, false, "bf2f4dac2a117fee90c8f8116c2eac173ced72408b2ffc81f0dc721688dde9bf"},
		{proof.Bincode017, true, false, "41f68c62531fd50c9ca9a88439381caba0379861eb678507142840f8f2d43137"},
		{proof.Bincode018, true, false, "78a937c76a9eb54b2d4aef2636d879af3606c316801d9347fbdaf6edb040814e"},
		{proof.Bincode100, true, false, "05d849b81188354ad75c266e339ad015704fd7017956cf4bdd5dbbc93b1c8ed4"},
		{proof.Bincode110, true, false, "0410a8997a3a1b41f25153796ee23dda11d398e3789fb6e949a4157ef0f90188"},
		{proof.Bincode110, false, false, "c62c989ba423cb623120dd084a986a5e400f8ea862e97fe6364ad6721339b421"},
		{proof.Bincode140, true, false, "dd56dd98c11d2d88c2d40317af5910b3292f5483554b9ce755e27ba3be8a9086"},
		{proof.Bincode140, true, true, "b28326c0b4a78dba0b80a259c6b6f072d553538a93a2715de10bda9b3ccafdb1"},
	} {
		data := prooftest.Encode(sample(tc.layout, tc.minimal, tc.seeded))
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != tc.digest {
			t.Errorf("%s, minimal %t, seeded %t: %d bytes with the digest %x", tc.layout, tc.minimal, tc.seeded, len(data), sum)
		}
		got, err := proof.Decode(data, "")
		if err != nil {
			t.Errorf("%s: %v", tc.layout, err)
		} else if diff := cmp.Diff(sample(tc.layout, tc.minimal, tc.seeded), got); diff != "" {
			t.Errorf("%s: %s", tc.layout, diff)
		}
	}
}

// TestSeed holds that the trailer of a seed is no part of the proof.
func TestSeed(t *testing.T) {
	for _, layout := range []proof.Layout{proof.Tagged, proof.Bincode140} {
		plain, seeded := sample(layout, false, false), sample(layout, false, true)
		p, err := proof.Decode(prooftest.Encode(seeded), "")
		if err != nil {
			t.Fatal(err)
		}
		if !p.Seeded || *p.Setup != (proof.Key{11, 22, 33, 44}) {
			t.Errorf("%s: seeded %t, setup key %v", layout, p.Seeded, p.Setup)
		}
		want, err := plain.Wire(proof.Release{Major: 1, Minor: 4}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Wire(proof.Release{}, nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the wire form has the seed: %v", layout, err)
		}
	}
	// Without the word that closes it, or cut into, it is no file of 1.4.
	whole := prooftest.Encode(sample(proof.Tagged, false, true))
	for n := 8; n <= 40; n += 8 {
		if _, err := proof.DecodeSaved(whole[:len(whole)-n], proof.Release{Major: 1, Minor: 4}); (err == nil) != (n == 40) {
			t.Errorf("without the last %d bytes: %v", n, err)
		}
	}
}

func TestReleases(t *testing.T) {
	for _, tc := range []struct {
		text           string
		saved, wire    proof.Layout
		minimal, final int
	}{
		{"0.14.0", proof.Words, proof.Words, 0, 0},
		{"0.15.0", proof.Words, proof.Words, 0, 0},
		{"0.16.1", proof.Bincode016, proof.Flat, 68, 68},
		{"v0.17.0", proof.Bincode017, proof.Flat, 68, 68},
		{"0.18", proof.Bincode018, proof.Flat, 68, 68},
		{"1.0.0-alpha", proof.Bincode100, proof.Flat, 68, 68},
		{"1.1.0-alpha", proof.Bincode110, proof.Flat, 68, 69},
		{"1.2.0-alpha", proof.Bincode110, proof.Flat, 68, 69},
		{"1.3.2-alpha", proof.Bincode110, proof.Tagged, 68, 69},
		{"1.4.0-alpha", proof.Tagged, proof.Tagged, 68, 69},
	} {
		r, err := proof.ParseRelease(tc.text)
		if err != nil {
			t.Fatal(err)
		}
		saved, err := r.Saved()
		if err != nil || saved != tc.saved {
			t.Errorf("%s saves %s, %v", tc.text, saved, err)
		}
		wire, err := r.Wire()
		if err != nil || wire != tc.wire {
			t.Errorf("%s sends %s, %v", tc.text, wire, err)
		}
		if r.PublicWords(true) != tc.minimal || r.PublicWords(false) != tc.final {
			t.Errorf("%s: %d, %d public words", tc.text, r.PublicWords(true), r.PublicWords(false))
		}
	}
	for _, text := range []string{"0.13.0", "0.19.0", "1.5.0", "2.0.0"} {
		r, err := proof.ParseRelease(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Saved(); err == nil || !strings.Contains(err.Error(), r.String()) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "1", "1.x", "0.0.0", "1.1 alpha", "11111111.1"} {
		if r, err := proof.ParseRelease(text); err == nil {
			t.Errorf("%q is read as %v", text, r)
		}
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

// TestAggregate reads a proof that combines others.
func TestAggregate(t *testing.T) {
	for _, layout := range []proof.Layout{proof.Bincode110, proof.Bincode140, proof.Tagged} {
		want := prooftest.New(layout, false, proof.Key{1, 2, 3, 4}, []uint32{5}, 300, 2)
		for _, aggregate := range []bool{false, true} {
			if want.Publics[0] = 1; aggregate {
				want.Publics[0] = 0
			}
			got, err := proof.Decode(prooftest.Encode(want), layout)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Publics) != 69 || got.Program() != (proof.Key{1, 2, 3, 4}) || got.Aggregate() != aggregate {
				t.Errorf("%s: %d public words, program %v, aggregate %t", layout, len(got.Publics), got.Program(), got.Aggregate())
			}
		}
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
	if _, err := p.Wire(proof.Release{}, &proof.Key{9, 9, 9, 9}); err == nil || !strings.Contains(err.Error(), "proving key") {
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

// A key whose last word looks like a tag has no wire form that could be read again.
func TestKeyLikeATag(t *testing.T) {
	for _, last := range []uint64{0, 1, 2, 0x44454553_4b53495a} /* "ZISKSEED" */ {
		key := proof.Key{1, 2, 3, last}
		made := prooftest.New(proof.Bincode017, true, proof.Key{5}, []uint32{5, 6}, 260, 5)
		made.Setup = &key
		p, err := proof.Decode(prooftest.Encode(made), proof.Bincode017)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Wire(proof.Release{}, nil); err == nil || !strings.Contains(err.Error(), "would take for the tag") {
			t.Errorf("a setup key that ends in %#x: %v", last, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, layout := range layouts {
		for _, minimal := range []bool{false, true} {
			f.Add(prooftest.Encode(prooftest.New(layout, minimal, proof.Key{1, 2, 3, 4}, []uint32{5, 6}, 260, 5)))
		}
	}
	f.Add(prooftest.Encode(sample(proof.Tagged, false, true)))
	f.Fuzz(func(t *testing.T, data []byte) {
		fits := 0
		for _, layout := range append([]proof.Layout{""}, layouts...) {
			p, err := proof.Decode(data, layout)
			if err != nil {
				continue
			}
			if fits++; fits > 2 {
				t.Fatalf("the bytes fit %s and another layout", layout)
			}
			p.Outputs()
			setup := p.Setup
			if setup == nil {
				setup = &proof.Key{5, 6, 7, 8}
			}
			wire, err := p.Wire(proof.Release{}, setup)
			if err != nil {
				continue // the file does not say the release, or not the family
			}
			again, err := proof.Decode(wire, "")
			if err != nil {
				t.Fatalf("%s: the wire form does not decode: %v", p.Layout, err)
			}
			if again.Minimal != p.Minimal || !slices.Equal(again.Publics, p.Publics) || !slices.Equal(again.Body, p.Body) {
				t.Fatalf("%s: the wire form says something else", p.Layout)
			}
		}
	})
}
