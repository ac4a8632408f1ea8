package container_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"github.com/proofline/proofline/plugins/prover-ere/container"
	"github.com/proofline/proofline/plugins/prover-ere/eretest"
)

// TestSP1 cuts ere's own fixture, as it was cut for the verifier of EthProofs that
// took it.
func TestSP1(t *testing.T) {
	proof, publics, _ := eretest.Fixture(t, "sp1-6.1.0")
	cut, version, err := container.CutSP1(proof, publics)
	if err != nil || version != "v6.1.0" {
		t.Fatalf("%q %v", version, err)
	}
	tail := len(proof) - len(cut)
	if tail != 8+len(publics)+8+len("v6.1.0") || !bytes.Equal(cut, proof[:len(cut)]) {
		t.Errorf("%d bytes were cut off", tail)
	}
	for name, data := range map[string][]byte{
		"cut already": cut, "empty": nil, "another kind": slices.Concat([]byte{2, 0, 0, 0}, proof[4:]), "one byte less": proof[:len(proof)-1],
	} {
		if _, _, err := container.CutSP1(data, publics); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, _, err := container.CutSP1(proof, append(publics, 0)); err == nil {
		t.Error("other public values are taken")
	}
}

// TestSP1Key unpacks the key of the fixture, and compares it with the definition: one
// integer whose digits are in base 2^31.
func TestSP1Key(t *testing.T) {
	_, _, key := eretest.Fixture(t, "sp1-6.1.0")
	got, err := container.SP1Key(key, true)
	if err != nil {
		t.Fatal(err)
	}
	sum := new(big.Int)
	for i := range 8 {
		digit := binary.LittleEndian.Uint32(got[4*i:])
		if digit >= 0x7f000001 { // the order of SP1's field
			t.Errorf("digit %d is %#x, no field element", i, digit)
		}
		sum.Add(sum.Lsh(sum, 31), big.NewInt(int64(digit)))
	}
	if want := new(big.Int).SetBytes(key); sum.Cmp(want) != 0 {
		t.Errorf("%x is %x", got, sum)
	}
	if same, err := container.SP1Key(key, false); err != nil || !bytes.Equal(same, key) {
		t.Errorf("%x %v", same, err)
	}
	for _, bad := range []string{"", "00", "ff" + hex.EncodeToString(key[1:])} {
		data, _ := hex.DecodeString(bad)
		if _, err := container.SP1Key(data, true); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func FuzzSP1(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00proof\x01\x00\x00\x00\x00\x00\x00\x00p\x06\x00\x00\x00\x00\x00\x00\x00v6.1.0"), []byte("p"))
	f.Fuzz(func(t *testing.T, data, publics []byte) {
		if cut, version, err := container.CutSP1(data, publics); err == nil && len(cut)+8+len(publics)+8+len(version) != len(data) {
			t.Errorf("%x", data)
		}
	})
}
