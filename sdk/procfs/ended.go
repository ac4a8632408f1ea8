package procfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// Ended returns a channel that closes when the process has ended, whoever its parent is
// (pidfd_open(2), from Linux 5.10 on). Nothing runs and no timer wakes the process until
// then. The caller makes sure that the id still is that of the process that is meant.
func Ended(pid int) (<-chan struct{}, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	conn, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer f.Close()
		err := conn.Read(func(fd uintptr) bool {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			return err == nil && n > 0
		})
		if err == nil {
			close(ended)
		}
	}()
	return ended, nil
}
