// Package eretest doubles an ere-server for tests.
//
// Replay is the recording itself: it answers recorded requests byte for byte. Start is
// a model of the same server, for what a recording cannot show: slots, clients that
// leave, deaths, other versions and real containers. TestModel holds the model to the
// recordings; the queue, the health during a proof and the answer to a half-closed
// connection are those of concurrency.txt beside them.
package eretest
