// Package contract holds the values that pass between the host and a plugin:
// what a block, a job, an attempt and an artifact are, what a stage is asked
// and what it answers.
//
// It is plain data. It imports neither go-plugin nor gRPC, so that the engine
// can use the same types as a plugin author; package sdk aliases them, and
// package wire turns them into protocol buffers and back.
package contract
