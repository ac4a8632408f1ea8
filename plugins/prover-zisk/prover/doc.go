// Package prover proves guest inputs with cargo-zisk on the machine it runs on.
//
// A Prover belongs to one stage. Opening it finds the tool and its version,
// clears away what an earlier life of the stage left, and starts the one-time
// set-up in the background; while that runs the stage is unavailable. Then, for
// each block: lock the cards, run the tool in a fresh output directory, read
// back what it wrote, clean up, and hand the cards on once their memory is free.
//
// With ZisK 0.14 and 0.15 the tool can be kept loaded between blocks as a server.
// It then holds cards and ports from its start to its end, and ends after any
// failure: the next attempt starts a new one.
//
// A proof counts only if the tool ended with exit status 0, every file that the
// version writes is there, newer than the start and whole, and the program's
// key is the one of the set-up. Verify asks the tool itself, in a process of its
// own.
package prover
