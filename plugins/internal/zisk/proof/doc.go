// Package proof reads the STARK proofs of ZisK in every form in which a release
// has stored them, and writes the forms that a verifier takes.
//
// Every form holds the same things: the proof proper, a sequence of field
// elements; the program's verification key; the guest's public outputs; from
// 0.17 on the key of the proving setup. They differ in the encoding:
//
//	Words         0.14, 0.15   u64 words: count of publics, publics, proof
//	Bincode016    0.16         bincode 1: tagged proof bytes, publics, program key
//	Bincode017    0.17         bincode 1: kind, proof bytes, publics, program key, setup key
//	Bincode018    0.18         bincode 2: proof, setup key, minimal; publics; program key
//	Bincode100    1.0          as Bincode018, with the name of the hash
//	Bincode110    1.1          as Bincode100, with a kind and all public words
//	Flat          1.3, wire    u64 words: minimal, count of publics, publics, proof, setup key
//	Ere           eth-act/ere  bincode 1 of the proof system's own type
//
// Lengths are checked against what is there before anything is allocated; a
// form is accepted only when it explains every byte.
//
// Sources: 0xPolygonHermez/zisk:sdk/src/prover/mod.rs@v0.16.1,
// common/src/proof.rs@v0.17.0, @v0.18.0, @pre-develop-1.0.0-beta;
// eth-act/ere:crates/verifier/zisk@v0.16.2.
package proof
