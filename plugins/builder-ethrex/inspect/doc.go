// Package inspect reads guest inputs. It detects the format and the framing of a file,
// describes its content, checks that its parts belong together, and finds where two inputs
// differ. It accepts any bytes. It describes the layouts independently of the writer in
// package input, so that each of the two packages checks the other.
package inspect
