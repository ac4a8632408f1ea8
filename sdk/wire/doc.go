// Package wire converts the values of package contract to protocol buffers and back. It
// also holds what both ends of the connection must agree on: the handshake, the protocol
// version, limits, and the form of an error.
//
// The functions whose names end in FromProto check what arrives, so that neither the
// engine nor a plugin author has to deal with a hash of 31 bytes or an artifact outside
// its directory. Their errors name the field. Conversions are pure and safe for concurrent
// use.
package wire
