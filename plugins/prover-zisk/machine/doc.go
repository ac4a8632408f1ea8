// Package machine deals with what a prover takes of a machine beyond its own
// process: other processes that it starts, ports, shared memory, GPUs. It finds
// out what is there, keeps two provers off one card, and puts things back after
// a run, however the run ended.
//
// It reads /proc, /dev/shm and nvidia-smi; elsewhere than on Linux there is
// nothing to find and nothing to clean.
package machine
