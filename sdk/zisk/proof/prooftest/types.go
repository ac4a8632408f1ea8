package prooftest

import "github.com/proofline/proofline/sdk/zisk/proof"

// The types below are those that ZisK's releases serialise, field by field and
// in the order of their definitions. An enum is a struct whose first field is
// the variant.

// variant is the discriminant of an enum: 4 bytes in bincode 1, a varint in
// bincode 2.
type variant uint32

// str is a string.
type str string

// publics is PublicValues up to 1.0: packed outputs, which are serialised without their
// read position from 0.17 on.
type publics struct{ Data []byte }

// file016 is ZiskProofWithPublicValues.
// Source: 0xPolygonHermez/zisk:sdk/src/prover/mod.rs@v0.16.1.
type file016 struct {
	Proof struct { // ZiskProof: Null, VadcopFinal, VadcopFinalCompressed, Plonk, Fflonk
		Kind  variant
		Bytes []byte
	}
	Publics struct {
		Data     []byte
		Position uint64
	}
	Program struct{ VK []byte }
}

// file017 is Proof.
// Source: 0xPolygonHermez/zisk:common/src/proof.rs@v0.17.0.
type file017 struct {
	Kind    variant // VadcopFinal, VadcopFinalMinimal, Plonk
	Bytes   []byte
	Publics publics
	Program struct{ VK []byte }
	Setup   []byte
}

// file018 is Proof.
// Source: 0xPolygonHermez/zisk:common/src/proof.rs@v0.18.0.
type file018 struct {
	Body struct { // ProofBody: Vadcop, Plonk
		Kind    variant
		Proof   []uint64
		Setup   []uint64
		Minimal bool
	}
	Publics publics
	Program struct{ VK []uint64 }
}

// file100 is Proof.
// Source: 0xPolygonHermez/zisk:common/src/proof.rs@pre-develop-1.0.0-beta; the
// release added the mode.
type file100 struct {
	Body struct {
		Kind    variant
		Proof   []uint64
		Setup   []uint64
		Minimal bool
		Hash    str
	}
	Publics publics
	Program programVK
}

// programVK is ProgramVK with HashMode: Poseidon1, Poseidon2, Blake3.
// Source: crates.io zisk-common 1.1.0-alpha: src/proof.rs, src/hash_mode.rs.
type programVK struct {
	VK   []uint64
	Mode variant
}

// file110 is Proof.
// Source: crates.io zisk-common 1.1.0-alpha, 1.2.0-alpha, 1.3.0-alpha and
// 1.3.2-alpha: src/proof.rs, where the type is the same.
type file110 struct {
	Body struct { // ProofBody: Vadcop, Plonk
		Kind    variant
		Proof   []uint64
		Setup   []uint64
		Flavor  variant // VadcopKind: Final, Recurser, Minimal
		Hash    str
		Publics []uint64 // without the flag
	}
	Program programVK
}

// message140 is Proof as the coordinator of 1.4 sends it. Without a seed it ends
// with the discriminant of None.
// Source: crates.io zisk-common 1.4.0-alpha: src/proof.rs (to_bincode), src/seed.rs.
type message140 struct {
	Proof file110
	Seed  *[32]byte
}

// file140 returns the file that 1.4 saves: the words of the wire form and, for an
// execution with a seed, a trailer.
// Source: crates.io zisk-verifier 1.4.0-alpha: src/decode.rs (decode_saved,
// seed_trailer), zisk-common 1.4.0-alpha: src/proof.rs (get_proof_u64).
func file140(p *proof.Proof) []uint64 {
	words := append(wire(p), uint64(mode(p.Family)))
	if p.Seeded {
		words = append(words, 0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x1716151413121110, 0x1f1e1d1c1b1a1918, 0x444545534b53495a)
	}
	return words
}

// wire returns [minimal][n_publics][publics][proof][zisk_vk].
// Source: 0xPolygonHermez/zisk:common/src/proof.rs@v0.18.0 (get_proof_u64).
func wire(p *proof.Proof) []uint64 {
	words := []uint64{0, uint64(len(p.Publics))}
	if p.Minimal {
		words[0] = 1
	}
	words = append(append(words, p.Publics...), p.Body...)
	return append(words, p.Setup[:]...)
}

// mode returns the position in HashMode, and in HASH_TAGS of crates.io zisk-verifier
// 1.3.0-alpha: src/verifier.rs.
func mode(f proof.Family) variant {
	return map[proof.Family]variant{proof.Poseidon1: 0, proof.Poseidon2: 1, proof.Blake3: 2}[f]
}

// name returns the name in FAMILIES of crates.io proofman-common 1.3.2-alpha:
// src/hash_family.rs.
func name(f proof.Family) str {
	return map[proof.Family]str{proof.Poseidon1: "Poseidon1", proof.Poseidon2: "Poseidon2", proof.Blake3: "blake3"}[f]
}
