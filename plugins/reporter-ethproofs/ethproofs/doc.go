// Package ethproofs is a client of the EthProofs API, version 0: the three writes of a
// block, the team's clusters, and what the site shows of blocks and stored proofs. It
// builds and checks request bodies, sends one request per call and returns the answer.
// It does not retry. Its only state is Pace, which spaces out the requests of one key.
//
// Sources: ethproofs/ethproofs:app/api/v0/{proofs,clusters,blocks},
// app/api/v0/verification-keys/active, app/api/verify/proofs/[id],
// lib/zod/schemas/proof.ts, lib/middleware@98b7a6f1. The server answers 500 to many
// faults of the caller (fractions, numbers beyond int32, bodies over its limit). This
// package therefore checks request bodies in full.
package ethproofs
