// Package prover is a prover stage that has guest inputs proved by ere-servers. A server
// has one guest on one zkVM, and proves one input at a time.
//
// A client cannot resume a proof, and a server has no request to stop one. When a call is
// cancelled, or this process dies, the proof continues and holds the server's slot. The
// package therefore writes a note to the state directory for each Prove request, and
// removes it with the answer. A note from an earlier request means that the slot is lost:
//
//	          begin                    answer
//	free  -------------> proving  ----------------> free
//	                        |
//	                        | cancelled, or this process dies: the note stays
//	                        v
//	                      lost  -- on_timeout restarts the server --> free
//	                        |
//	                        +----- without on_timeout: the next request waits at the
//	                               server behind the abandoned proof
//
// That waiting is not part of the proving time, which the zkVM measures.
//
// Before each proof, and after one that opened a new connection, the package reads zkVM,
// version and program key of the server, because a restarted server can have another
// guest.
package prover
