//go:build !unix

package launch

// private reports whether the path is a directory of this user that others
// cannot enter; here that cannot be told.
func private(string) bool { return false }
