package procfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// Ended returns a channel that closes when the process has ended, whatever its parent.
// It uses pidfd_open(2), needs Linux 5.10 or later, and fails on older kernels. It polls
// nothing and sets no timer. The caller makes sure that the process id still belongs to
// the intended process.
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
