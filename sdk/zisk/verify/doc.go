// Package verify verifies the final STARK proofs of ZisK 0.15 to 1.4, in the bytes in
// which they are sent. It is written in Go and does not need the tool that made the proof.
//
// The caller must know three values from another source than the proof. The setup key
// identifies the proving setup, and with it the circuit and the release. The program key
// identifies the guest. The public values identify the input of the guest. Wire and Proof
// compare those that the caller gives in Expect with the proof; the setup key is
// always required. A Result says which setup the proof was verified against.
//
// # What an accepted proof means
//
// A proof that is accepted is a STARK under the setup key, for its public words.
// The verification is probabilistic; its error probability follows from the number of
// queries and the bits of work in the setup.
//
// Up to ZisK 1.2 no constraint reads the public words: they only enter the transcript. If
// the public words of a finished proof are changed, the proof is rejected. But a dishonest
// prover can run the last step again with other public words, so that a verified proof of
// these releases does not bind such a prover to the block hash. Table.BindsPublics reports
// whether the constraints read the public words.
//
// The published minimal setup of 0.17 and 0.18 is the root of a tree of constant columns
// that are all zero. With such constants the constraints also hold for columns that no
// program has produced, so that a proof under this key can be made without running any
// program. Result.Hollow is true for it.
//
// # Strict and lenient
//
// The published verifiers of 0.16 to 1.3 reduce the words of a body modulo p and
// ignore the padding after the top of a tree, so that they accept many forms of one proof.
// By default this package accepts only the form with canonical words and zeros as padding.
// With Expect.Lenient it accepts what the published verifiers accept, because a prover
// that verifies its own proof must not reject one that the other side accepts. A body with
// shared openings has only one form in either mode, and keys and public words must always
// be canonical.
//
// # Untrusted input
//
// All lengths come from tables and are compared before memory is allocated. Any bytes may
// be given: a proof that does not verify is a *Rejection, and nothing panics. All
// functions are safe for concurrent use.
//
// Source: the specification was written from 0xPolygonHermez/pil2-proofman:verifier/src
// and fields/src at v0.15.0 to v1.1.0-alpha, and from crates.io
// proofman-verifier, proofman-fields and zisk-verifier 1.1.0-alpha to
// 1.4.0-alpha. tables/SOURCE.md says where the tables come from.
package verify
