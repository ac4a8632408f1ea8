package account

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// needed are the capabilities that a process needs to start programs as another user, to
// give files to that user and take them back, and to find and end the user's processes.
var needed = []struct {
	bit  int
	name string
}{
	{unix.CAP_CHOWN, "CAP_CHOWN"}, {unix.CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"}, {unix.CAP_FOWNER, "CAP_FOWNER"},
	{unix.CAP_KILL, "CAP_KILL"}, {unix.CAP_SETGID, "CAP_SETGID"}, {unix.CAP_SETUID, "CAP_SETUID"},
	{unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
}

// Rights returns an error that names the capabilities which this process lacks for
// running plugins as other users. Root has all of them unless they were removed.
func Rights() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read the capabilities of this process: %w", err)
	}
	var missing []string
	for _, c := range needed {
		if data[c.bit/32].Effective&(1<<(c.bit%32)) == 0 {
			missing = append(missing, c.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("proofline may not run a plugin as another user: it lacks %s", strings.Join(missing, ", "))
	}
	return nil
}
