// Package proof reads the STARK proofs of ZisK in every form in which a release
// stores or sends them, and writes the forms that a verifier takes.
//
// Every form holds the same parts: the body, which is the STARK itself as a sequence of
// field elements; the program's verification key; the guest's public outputs; and, from
// 0.17 on, the key of the proving setup. The forms differ in the encoding:
//
//	layout      saved by    sent to a verifier  form
//	Words       0.14, 0.15  0.14, 0.15          u64 words: count of publics, publics, body
//	Bincode016  0.16                            bincode 1: tagged body, outputs, program key
//	Bincode017  0.17                            bincode 1: kind, body, outputs, program key, setup key
//	Bincode018  0.18                            bincode 2: body, setup key, minimal; outputs; program key
//	Bincode100  1.0                             as Bincode018, with the name of the hash and, last, its mode
//	Bincode110  1.1 to 1.3                      bincode 2: body, setup key, kind, hash, publics; program key, mode
//	Bincode140  coordinator of 1.4              as Bincode110, then an optional seed
//	Flat                    0.16 to 1.2         u64 words: minimal, count of publics, publics, body, setup key
//	Tagged      1.4         1.3 and later       as Flat, then a tag of the hash; a seed may follow in a file
//	Ere                                         bincode 1 of the proof system's own type, as eth-act/ere stores it
//
// A layout is recognized only if it accounts for every byte. Lengths are compared with the
// size of the data, and with what a proof can have, before memory is allocated. The package
// does not verify proofs. It checks neither that the words of a body are field elements,
// nor their number in the layouts that do not state it, which are Words, Flat and Tagged;
// package verify does both. All functions are safe for concurrent use.
//
// Sources: 0xPolygonHermez/zisk:sdk/src/prover/mod.rs@v0.16.1,
// common/src/proof.rs@v0.17.0, @v0.18.0; crates.io zisk-common 1.1.0-alpha,
// 1.2.0-alpha, 1.3.0-alpha, 1.3.2-alpha and 1.4.0-alpha: src/proof.rs,
// src/hash_mode.rs, src/seed.rs; crates.io zisk-verifier 1.3.0-alpha:
// src/verifier.rs, 1.4.0-alpha: src/decode.rs;
// eth-act/ere:crates/verifier/zisk@v0.9.1, @v0.16.2.
package proof
