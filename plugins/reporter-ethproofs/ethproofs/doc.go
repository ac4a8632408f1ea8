// Package ethproofs speaks the EthProofs API, version 0: the three writes of a
// block, the team's clusters, and what the site shows of blocks and stored proofs.
// It builds and checks request bodies, sends one request per call and reports what
// the server said; it retries nothing and remembers nothing but the pace of the
// key.
//
// Sources: ethproofs/ethproofs:app/api/v0/{proofs,clusters,blocks},
// app/api/v0/verification-keys/active, app/api/verify/proofs/[id],
// lib/zod/schemas/proof.ts, lib/middleware@98b7a6f1. The server answers 500 to much
// that is the caller's fault (fractions, numbers beyond int32, bodies over its
// limit), so bodies are checked here in full.
package ethproofs
