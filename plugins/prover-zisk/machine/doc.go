// Package machine manages the resources of a machine that a prover uses beyond its own
// process: processes that it starts, ports, shared memory and GPUs. It finds out what
// exists, keeps two provers from using one card, and cleans up after a run, however the
// run ended. It reads /proc, /dev/shm and the output of nvidia-smi.
package machine
