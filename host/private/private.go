// Package private keeps other processes of the same user, plugins above all, out of
// the memory and the environment of the host.
package private

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Seal makes the process undumpable (PR_SET_DUMPABLE in prctl(2)): its environ, mem
// and fd in /proc are root's then, nobody attaches a debugger to it, and it leaves no
// core file. What it starts is as usual again. Root, and who has CAP_SYS_PTRACE, are
// not kept out.
func Seal() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// Forget removes the variables that were read from the environment that children
// inherit, but for those that a pattern in keep names; a trailing * stands for any
// ending.
func Forget(read, keep []string) {
	for _, name := range read {
		kept := slices.ContainsFunc(keep, func(pattern string) bool {
			if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
				return strings.HasPrefix(name, prefix)
			}
			return pattern == name
		})
		if !kept {
			_ = os.Unsetenv(name) // fails for names that cannot be set either
		}
	}
}
