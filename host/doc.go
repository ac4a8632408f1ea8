// Package host runs a pipeline. It creates the parts below, connects them and closes
// them. The parts know each other only through small interfaces.
//
//	pipeline    the pipeline file; selection: which blocks it selects
//	catalog     the binaries of the plugins
//	launch      the supervised process of a plugin; keeper: the process above it
//	account     the system user that a plugin runs as
//	engine      which stage works on which job, and what follows from the result
//	artifact    the files that attempts make
//	record      the durable records of a job; status: the state of jobs and stages
//	checkpoint  the file that holds the records
//	outbox      the delivery of events to reporters
//	history     lists of past jobs; offline: commands without a host
//	live        the state as a stream of changes; monitor: HTTP; top: the terminal
//	control     commands of the operator over a unix socket
//	score       the score of the pipeline by the rules of EthProofs
//	failpoint   the points at which crash tests end the process
//
// A run starts in this order: the checkpoint, so that there is no second host; the end of
// processes that an earlier host has left; monitor and commands, which show that the rest
// is starting; the plugins; the engine. It stops in the reverse order and waits for every
// goroutine.
package host
