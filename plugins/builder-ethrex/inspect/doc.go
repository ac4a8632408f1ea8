// Package inspect reads guest inputs: which format and framing a file has, what
// it contains, whether that is coherent, and where two inputs differ. It is made
// for hostile bytes, and it describes the layouts on its own, independently of
// the writer in package input, so that each of the two checks the other.
package inspect
