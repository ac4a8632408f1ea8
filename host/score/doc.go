// Package score judges a pipeline by the rules by which EthProofs judges provers
// (ethproofs/ethproofs:supabase/migrations/0069, 0072 and
// components/rtp/rtp-cohort-rules.tsx@98b7a6f1): how many of the blocks of a week
// were proved fast enough, proved at all, announced and left unproved, or never
// announced. Proved means that EthProofs has accepted the proof; one that waits to
// be sent, or was rejected, is none.
//
// It is arithmetic over a plain list of blocks: no clock, no storage, no network.
// EthProofs divides by the blocks that somebody has proved. What is known of those
// is given as a Site; without it a Report divides by the pipeline's own target
// blocks, of which the youngest are left out.
package score
