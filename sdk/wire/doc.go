// Package wire turns the values of package contract into protocol buffers and
// back, and holds what both ends of the connection must agree on: the
// handshake, the protocol version, limits, and how an error travels.
//
// Everything that arrives is checked here, so that neither the engine nor a
// plugin author meets a hash of 31 bytes or an artifact that points outside its
// directory. Conversions are pure and safe for concurrent use.
package wire
