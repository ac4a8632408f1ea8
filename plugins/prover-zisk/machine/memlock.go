package machine

import "golang.org/x/sys/unix"

// neededMemlock is more bytes than the services of any version lock, which are ROM, RAM,
// input and trace of each service.
const neededMemlock = 64 << 30

// Memlock returns how many bytes a process may lock, and whether that is enough
// for the assembly services.
func Memlock() (limit uint64, enough bool) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &r); err != nil {
		return 0, false
	}
	return r.Cur, r.Cur == unix.RLIM_INFINITY || r.Cur >= neededMemlock
}
