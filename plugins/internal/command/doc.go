// Package command makes a stage of a command line. It is the core of builder-exec,
// prover-exec and reporter-exec: it fills the placeholders of the arguments, runs
// the tool as package process does, reads progress, times and facts from what the
// tool prints and writes, collects the files that it was to make, and turns its end
// into an error with a class.
//
// No shell is involved: an argument stays one argument, whatever is put into it.
package command
