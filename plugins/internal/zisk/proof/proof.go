package proof

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Layout names an encoding; see the package comment.
type Layout string

// The layouts.
const (
	Words      Layout = "words"
	Bincode016 Layout = "bincode-0.16"
	Bincode017 Layout = "bincode-0.17"
	Bincode018 Layout = "bincode-0.18"
	Bincode100 Layout = "bincode-1.0"
	Bincode110 Layout = "bincode-1.1"
	Flat       Layout = "flat"
	Ere        Layout = "ere"
)

// Sizes of a proof's parts.
const (
	KeyWords    = 4  // words of a program's or a setup's key
	OutputWords = 64 // words of public output, each a 32-bit value
	// MaxSize bounds a stored proof; real ones have 250 to 350 kB.
	MaxSize = 16 << 20
)

// modulus is the order of the Goldilocks field; every word is below it.
const modulus = 0xffff_ffff_0000_0001

// Key is a verification key: of a program (the root of its ROM) or of a proving
// setup. Its text form is the hexadecimal of its 32 bytes in file order.
type Key [KeyWords]uint64

// ParseKey reads a key from 64 hexadecimal digits, with or without 0x.
func ParseKey(text string) (Key, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), "0x"))
	if err != nil || len(raw) != 8*KeyWords {
		return Key{}, fmt.Errorf("%q is no key: want 64 hexadecimal digits", text)
	}
	return KeyOf(raw)
}

// KeyOf reads the 32 bytes of a key file such as vadcop_final.verkey.bin.
func KeyOf(raw []byte) (Key, error) {
	var k Key
	if len(raw) != 8*KeyWords {
		return k, fmt.Errorf("a key has 32 bytes, not %d", len(raw))
	}
	for i := range k {
		if k[i] = binary.LittleEndian.Uint64(raw[8*i:]); k[i] >= modulus {
			return Key{}, fmt.Errorf("word %d of the key is no field element", i)
		}
	}
	return k, nil
}

// Bytes returns the key as its file has it.
func (k Key) Bytes() []byte { return appendWords(nil, k[:]) }

func (k Key) String() string { return hex.EncodeToString(k.Bytes()) }

// Proof is a decoded STARK proof.
type Proof struct {
	Layout  Layout
	Minimal bool
	// Publics are all public words as the verifier takes them: where the layout
	// has it the flag "is final", then the program's key, then the outputs.
	Publics []uint64
	Body    []uint64 // the proof proper
	Setup   *Key     // key of the proving setup; nil where the layout has none
	Hash    string   // name of the hash function; empty where the layout has none
}

// Program returns the program's verification key.
func (p *Proof) Program() Key {
	return Key(p.Publics[p.flagWords() : p.flagWords()+KeyWords])
}

// Outputs returns the guest's public outputs: 32 bits of each output word,
// little-endian.
func (p *Proof) Outputs() []byte {
	words := p.Publics[p.flagWords()+KeyWords:]
	if p.Layout == Words && len(words) > 0 { // the first word counts the outputs that follow
		words = words[1 : 1+words[0]]
	}
	out := make([]byte, 0, 4*len(words))
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, uint32(w))
	}
	return out
}

// flagWords is 1 where the publics begin with the flag of 1.1 and later.
func (p *Proof) flagWords() int {
	if p.Layout != Words && len(p.Publics) == 1+KeyWords+OutputWords {
		return 1
	}
	return 0
}

// testMarker is what a test double of the prover puts at the start of a proof's
// body, and, as it is, into a compressed file.
const testMarker = "PROOFLINE-TEST-DOUBLE"

// TestMarker returns the words with which the body of a proof begins that was
// made by a test double and must never reach a verifier.
func TestMarker() []uint64 {
	raw := append([]byte(testMarker), 0, 0, 0)
	words := make([]uint64, len(raw)/8)
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return words
}

// IsTest reports whether a test double made the proof.
func (p *Proof) IsTest() bool {
	return bytes.HasPrefix(appendWords(nil, p.Body[:min(len(p.Body), 3)]), []byte(testMarker))
}

// WireWords returns the words that verifiers of 0.16 and later take: minimal,
// number of publics, publics, proof, key of the setup. A proof without a setup
// key takes the given one; one that has it must agree with a given one.
// Source: get_proof_u64 in 0xPolygonHermez/zisk:common/src/proof.rs@v0.18.0;
// prepare_send_proof in sdk/src/prover/backend.rs@v0.16.1.
func (p *Proof) WireWords(setup *Key) ([]uint64, error) {
	if p.Layout == Words {
		return nil, errors.New("a proof of ZisK 0.14 or 0.15 has no setup key: its verifier takes the stored words")
	}
	switch {
	case p.Setup != nil && setup != nil && *p.Setup != *setup:
		return nil, fmt.Errorf("the proof was made with the proving key %v, not %v", p.Setup, setup)
	case p.Setup != nil:
		setup = p.Setup
	case setup == nil:
		return nil, errors.New("the proof does not hold the key of its proving setup; give the verification key")
	}
	words := make([]uint64, 0, 2+len(p.Publics)+len(p.Body)+KeyWords)
	words = append(words, 0, uint64(len(p.Publics)))
	if p.Minimal {
		words[0] = 1
	}
	words = append(words, p.Publics...)
	words = append(words, p.Body...)
	return append(words, setup[:]...), nil
}

// Wire returns the bytes that a verifier takes: the words of WireWords, or, for
// the Words layout, the stored file.
func (p *Proof) Wire(setup *Key) ([]byte, error) {
	if p.Layout == Words {
		words := append([]uint64{uint64(len(p.Publics))}, p.Publics...)
		return appendWords(nil, append(words, p.Body...)), nil
	}
	words, err := p.WireWords(setup)
	if err != nil {
		return nil, err
	}
	return appendWords(make([]byte, 0, 8*len(words)), words), nil
}

// Read decodes a proof file, plain or under zstd. An empty layout means to find
// it out.
func Read(path string, layout Layout) (*Proof, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, err
	}
	p, err := Decode(data, layout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Decode decodes a proof, plain or under zstd. An empty layout means to find it
// out.
func Decode(data []byte, layout Layout) (*Proof, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("more than %d bytes are too many for a proof", MaxSize)
	}
	if len(data) == 0 {
		return nil, errors.New("the proof is empty")
	}
	data, err := Decompress(data)
	if err != nil {
		return nil, err
	}
	if layout != "" {
		decode := decoders[layout]
		if decode == nil {
			return nil, fmt.Errorf("unknown layout %q", layout)
		}
		p, err := decode(data)
		if err != nil {
			return nil, fmt.Errorf("no proof in the layout %s: %w", layout, err)
		}
		return p, nil
	}
	for _, layout := range order {
		if p, err := decoders[layout](data); err == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%d bytes are no proof in any known layout", len(data))
}

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Decompress undoes zstd, which 0.14 puts around the file that operators
// report. Bytes that are not compressed are returned as they are.
func Decompress(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, zstdMagic) {
		return data, nil
	}
	r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxSize))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	plain, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	if len(plain) > MaxSize {
		return nil, fmt.Errorf("more than %d bytes behind zstd are too many for a proof", MaxSize)
	}
	return plain, nil
}

// Compress returns the bytes under zstd at its fastest level, as 0.14 does.
func Compress(data []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return w.EncodeAll(data, nil), nil
}

func appendWords(dst []byte, words []uint64) []byte {
	for _, w := range words {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}
