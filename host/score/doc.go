// Package score judges a pipeline by the rules by which EthProofs judges provers
// (ethproofs/ethproofs:supabase/migrations/0069, 0072 and
// components/rtp/rtp-cohort-rules.tsx@98b7a6f1). It counts how many blocks of a week were
// proved fast enough, proved at all, announced but not proved, or never announced. A
// block counts as proved when EthProofs has accepted its proof. A proof that waits to be
// sent or was rejected does not count.
//
// It computes a Report from a Record, which is a plain list of blocks. It uses no clock,
// no storage and no network. EthProofs divides by the blocks that any prover has proved.
// A Site says which blocks these are. Without a Site the Report divides by the target
// blocks of the pipeline, without the youngest.
package score
