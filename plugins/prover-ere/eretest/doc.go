// Package eretest has two stand-ins for an ere-server in tests.
//
// Replay answers recorded requests with the recorded bytes. Start starts a model of the
// same server, for behaviour that a recording cannot have: slots, clients that disconnect,
// deaths, other versions and real containers. TestModel compares the model with the
// recordings. The queue, the health during a proof and the answer to a half-closed
// connection follow concurrency.txt in the folder of the recordings.
package eretest
