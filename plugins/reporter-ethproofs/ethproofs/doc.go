// Package ethproofs speaks the EthProofs API, version 0: the three writes of a
// block, the list of a team's clusters, and the download of a proof. It builds
// and checks request bodies, sends one request per call and reports what the
// server said; it retries nothing and remembers nothing.
//
// Sources: ethproofs/ethproofs:app/api/v0/proofs/{queued,proving,proved},
// app/api/v0/clusters, lib/zod/schemas/proof.ts, lib/middleware@98b7a6f1. The
// server answers 500 to much that is the caller's fault (fractions, numbers
// beyond int32, bodies over its limit), so bodies are checked here in full.
package ethproofs
