// Package private prevents other processes of the same user, in particular plugins, from
// reading the memory and the environment of the host.
package private

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Seal makes the process undumpable (PR_SET_DUMPABLE in prctl(2)). Then its files
// environ, mem and fd in /proc belong to root, no debugger can attach to it, and it leaves
// no core file. Programs that it starts are dumpable again. Root and processes with
// CAP_SYS_PTRACE still have access.
func Seal() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// Forget removes the variables named in read from the environment, so that child
// processes do not inherit them. It leaves those that match a pattern in keep, in which a
// trailing * stands for any ending.
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
