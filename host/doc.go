// Package host runs a pipeline: it puts the parts together and takes them apart
// again. The parts know each other only through small interfaces.
//
//	pipeline    what the operator wrote; selection: which blocks that means
//	catalog     which binary a plugin is
//	launch      a plugin's process, supervised; keeper below it
//	account     the system user that a plugin runs as
//	engine      which job is worked on by which stage, and what comes of it
//	artifact    the files that attempts make
//	record      the records of a block on its way; status: what is shown of it
//	checkpoint  what survives a crash
//	outbox      what reporters have still to be told
//	history     what is shown of the past; offline: commands without a host
//	live        the state as a stream of changes; monitor: what the world may see
//	top         the same in a terminal
//	control     what the operator may change
//	score       how EthProofs would judge the record
//	failpoint   the moments at which crash tests end the process
//
// Order of start: checkpoint (so that there is no second host), what an earlier
// host left running, monitor and commands (which say that the rest is starting),
// plugins, engine. The end is the reverse; every goroutine is waited for.
package host
