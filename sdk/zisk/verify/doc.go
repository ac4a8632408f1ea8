// Package verify checks the final STARK proofs of ZisK, from 0.15 to 1.4, in the
// bytes in which they are sent: a verifier in Go, without the tool that made
// them.
//
// A verdict needs three things from outside the proof. The setup key pins the
// proving setup, and with it the circuit and the release; it is never taken from
// the proof. The program key pins the guest. The public values say what the
// guest was run on. Proof and Wire compare what the caller knows of them; a
// Result says what was compared.
//
// # What an accepted proof means
//
// A proof that is accepted is a STARK under the setup key, for its public words.
// The check is probabilistic; its error follows from the setup's numbers of
// queries and bits of work.
//
// Up to ZisK 1.2 no constraint reads the public words: they enter by the
// transcript alone. A change of the public words in a finished proof is noticed.
// But a dishonest prover can run the last step again with other public words,
// so that a verified proof of these releases does not bind the block hash
// against him. Table.BindsPublics tells the releases apart.
//
// The minimal setup of 0.17 and 0.18, as it was published, is the root of a tree
// of constant columns that are all zero. With such constants the constraints
// hold for columns that no program made; a proof under this key can be made
// without running any. Result.Hollow is set for it.
//
// # Strict and lenient
//
// The published verifiers of 0.16 to 1.3 reduce the words of a body modulo p and
// ignore the padding behind the top of a tree, so that one proof has many forms.
// Strict, the default, accepts the one form with canonical words and zeros. Lenient accepts what those
// verifiers accept: a prover that checks its own proof must not drop one that
// the other side takes. A body with shared openings has one form in either mode,
// and keys and public words are always canonical.
//
// # Any bytes
//
// All lengths come from tables and are compared before anything is allocated.
// Every reason against a proof is a *Rejection; nothing panics.
//
// Source: the specification was written from 0xPolygonHermez/pil2-proofman:verifier/src
// and fields/src at v0.15.0 to v1.1.0-alpha, and from crates.io
// proofman-verifier, proofman-fields and zisk-verifier 1.1.0-alpha to
// 1.4.0-alpha. tables/SOURCE.md says where the tables come from.
package verify
