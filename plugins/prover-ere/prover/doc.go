// Package prover has guest inputs proved by ere-servers: one server is one guest on
// one zkVM, and proves one input at a time.
//
// A proof cannot be taken up again, and a server cannot be told to stop one. When a
// call is cancelled, or this process dies, the proof runs on and holds the server's
// slot. So each Prove request is noted in the state directory until it is answered:
// a note that is found before the next one means that the slot is lost. Then either
// the command on_timeout restarts the server, or the next request waits behind the
// abandoned proof; that time is not part of the proving time, which is the zkVM's own
// figure.
//
// Before each proof, and after one that went over a new connection, the server is
// asked for zkVM, version and program key: a restarted server can hold another guest.
package prover
