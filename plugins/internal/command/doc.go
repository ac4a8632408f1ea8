// Package command runs a command line as the work of a stage. builder-exec, prover-exec
// and reporter-exec are built on it. In the order of one run:
//
//	values.go, event.go   the placeholders of a task or an event
//	expand.go             the arguments with their placeholders replaced
//	run.go                the process, the class of its failure, its output files
//	read.go               progress, time and facts from what the program prints and writes
//
// It uses no shell, so an argument stays one argument with any value in it.
package command
