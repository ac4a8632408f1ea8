// Package score judges a pipeline by the rules by which EthProofs judges provers
// (ethproofs/ethproofs:supabase/migrations/0069, 0072 and
// components/rtp/rtp-cohort-rules.tsx@98b7a6f1): how many of its target blocks
// were proved fast enough, proved at all, announced and left unproved, or never
// announced.
//
// It is arithmetic over the pipeline's own record: no clock, no storage. One
// difference to EthProofs cannot be removed from here: EthProofs divides by the
// blocks that somebody has proved, a Report by the pipeline's own target blocks.
package score
