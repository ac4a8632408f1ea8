// Package prover proves guest inputs with cargo-zisk on the machine on which it runs.
//
// A Prover belongs to one stage. Open finds the tool and its version, cleans up after an
// earlier process of the stage, and starts the one-time set-up in the background. The
// stage is unavailable while the set-up runs. Each block then goes through these steps:
//
//	lock the cards ─► run the tool in a new output directory ─► clean up ─► read its files ─► result
//	                      │                                        └─► release the cards when their memory is free
//	                      └─► from its figures on: verify the proof ahead of the host's request
//
// With ZisK 0.14 and 0.15 the tool can stay loaded between blocks as a server. The server
// holds cards and ports from its start to its end. It is ended after any failure, and the
// next attempt starts a new one.
//
// A proof is accepted only if the tool ended with exit status 0, if every file that the
// version writes exists, is complete and newer than the start, and if the program's
// key is that of the set-up. Verify then verifies the proof in this process, with the
// tool, or with both.
package prover
