// Package container rewrites the proofs of an ere-server, which are in containers of ere,
// to the bytes that the verifiers of EthProofs accept. It does not verify proofs. The
// containers of ZisK are read by package proof.
//
//	zkVM       ere          container                                form for verifiers
//	zisk       0.9 to 0.16  see layout Ere of package proof          words, with the key of the proving setup
//	sp1        0.10 to 0.16 tag, proof, public values, version       tag and proof
//	openvm     –            codec of stark-backend                   not established
//	airbender  to 0.13      bincode, fixed width                     gzip of bincode, variable width: needs the types
//	risc0      to 0.13      bincode of a receipt                     EthProofs has no verifier
//
// Source: eth-act/ere:crates/verifier@v0.9.1, @v0.10.0, @v0.16.2. The cut form of SP1 was
// verified with @ethproofs/sp1-hypercube-wasm-verifier 0.2.0.
package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Names of zkVMs, as a server reports them.
const (
	ZisK      = "zisk"
	SP1       = "sp1"
	OpenVM    = "openvm"
	RISC0     = "risc0"
	Airbender = "airbender"
)

// ZKVMs returns the names of all known zkVMs.
func ZKVMs() []string { return []string{ZisK, SP1, OpenVM, RISC0, Airbender} }

// Refused returns the reason why the proofs of a zkVM cannot be rewritten, and "" where
// they can.
func Refused(zkvm string) string {
	switch zkvm {
	case ZisK, SP1:
		return ""
	case OpenVM:
		return "the form that the verifier of openvm2 reads is not established"
	case Airbender:
		return "its form needs the types of the prover, which the container does not describe"
	case RISC0:
		return "EthProofs has no verifier for RISC Zero"
	}
	return fmt.Sprintf("no form for the zkVM %q is known", zkvm)
}

// maxVersion is the largest length, in bytes, of the name of a release at the end of a
// container of SP1.
const maxVersion = 32

// CutSP1 removes the public values, which must be publics, and the name of the release
// from the end of a container of SP1, as ere has them from 0.10 on. It returns the rest,
// which shares the memory of data, and the name of the release.
func CutSP1(data, publics []byte) (cut []byte, version string, err error) {
	const compressed = 1
	if len(data) < 4 || binary.LittleEndian.Uint32(data) != compressed {
		return nil, "", errors.New("the container is not a compressed proof of SP1")
	}
	// The length of the proof before the fields is not known. The fields are therefore
	// searched from the end. The last one is a text with its length that begins with v.
	for n := 2; n <= maxVersion && len(data) >= 4+8+n; n++ {
		at := len(data) - n
		if binary.LittleEndian.Uint64(data[at-8:]) == uint64(n) && isVersion(data[at:]) {
			version, data = string(data[at:]), data[:at-8]
			break
		}
	}
	if version == "" {
		return nil, "", errors.New("the container does not end with the name of a release of SP1")
	}
	tail := append(binary.LittleEndian.AppendUint64(nil, uint64(len(publics))), publics...)
	cut, found := bytes.CutSuffix(data, tail)
	if !found || len(cut) <= 4 {
		return nil, "", errors.New("the container does not contain the public values of the server's answer")
	}
	return cut, version, nil
}

// isVersion reports whether the text may be the name of a release, such as v5.0.0.
func isVersion(text []byte) bool {
	return text[0] == 'v' && bytes.IndexFunc(text[1:], func(r rune) bool {
		return r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}) < 0
}

// SP1Key returns the key of a guest of SP1 in the form for verifiers: eight little-endian
// words of 32 bits. Servers from 0.14 on report the key packed, as one big-endian integer
// whose digits in base 2^31 are the words, the first word highest.
func SP1Key(key []byte, packed bool) ([]byte, error) {
	const digits, width, mask = 8, 31, 1<<31 - 1
	if len(key) != 4*digits {
		return nil, fmt.Errorf("a key of SP1 has 32 bytes, not %d", len(key))
	}
	if !packed {
		return slices.Clone(key), nil
	}
	out := make([]byte, 4*digits)
	var low uint64 // bits that are read and not yet used
	bits, next := 0, len(key)-1
	for i := digits - 1; i >= 0; i-- {
		for bits < width {
			low |= uint64(key[next]) << bits
			bits, next = bits+8, next-1
		}
		binary.LittleEndian.PutUint32(out[4*i:], uint32(low&mask))
		low, bits = low>>width, bits-width
	}
	if low != 0 || slices.ContainsFunc(key[:next+1], func(b byte) bool { return b != 0 }) {
		return nil, errors.New("the key is not an integer of eight digits in base 2^31")
	}
	return out, nil
}
