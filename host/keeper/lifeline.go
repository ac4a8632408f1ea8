package keeper

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The bytes that the host writes to the lifeline. The end of the lifeline counts as
// orderStop. The keeper writes one line to it: "started PID".
const (
	orderStop = 't' // terminate, kill after the grace period
	orderKill = 'k' // kill at once, also during a grace period
)

// newLifeline makes both ends of a lifeline. The caller keeps the host's end. It passes
// the keeper's end to the keeper and closes it.
func newLifeline() (hostEnd, keeperEnd *os.File, err error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a lifeline: %w", err)
	}
	if err := syscall.SetNonblock(ends[0], true); err != nil { // so that Close ends a Read
		syscall.Close(ends[0])
		syscall.Close(ends[1])
		return nil, nil, fmt.Errorf("make a lifeline: %w", err)
	}
	return os.NewFile(uintptr(ends[0]), "lifeline"), os.NewFile(uintptr(ends[1]), "lifeline"), nil
}

// lifeline is the keeper's end of the socket to the host.
type lifeline struct{ f *os.File }

// openLifeline opens the keeper's end at LifelineFD.
func openLifeline() (lifeline, error) {
	var st unix.Stat_t
	if err := unix.Fstat(LifelineFD, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return lifeline{}, errors.New("there is no lifeline: keepers are started by \"proofline run\", not by hand")
	}
	unix.CloseOnExec(LifelineFD)
	return lifeline{os.NewFile(LifelineFD, "lifeline")}, nil
}

// started sends the plugin's process id to the host. It ignores errors, because the
// goroutine of orders notices a dead host.
func (l lifeline) started(pid int) { _, _ = fmt.Fprintf(l.f, "started %d\n", pid) }

// orphanGrace is the longest grace period after the death of the host. Nobody uses the
// plugin's results then, and the next host may be waiting for the lock.
const orphanGrace = time.Second

// orders returns two channels. stop closes when the plugin has to be stopped, kill when
// it has to be killed without grace. A first signal closes stop, a second one kill.
func (l lifeline) orders(signals <-chan os.Signal) (stop, kill <-chan struct{}) {
	stopCh, killCh := make(chan struct{}), make(chan struct{})
	closeStop := sync.OnceFunc(func() { close(stopCh) })
	closeKill := sync.OnceFunc(func() { close(killCh) })
	go func() {
		from := bufio.NewReader(l.f)
		for {
			switch order, err := from.ReadByte(); {
			case err != nil: // the host has ended
				closeStop()
				time.AfterFunc(orphanGrace, closeKill)
				return
			case order == orderKill:
				closeKill()
				closeStop()
			default:
				closeStop()
			}
		}
	}()
	go func() {
		<-signals
		closeStop()
		<-signals
		closeKill()
	}()
	return stopCh, killCh
}

// readStarted reads the plugin's process id from the host's end of the lifeline.
func readStarted(from io.Reader) (pid int, err error) {
	if _, err := fmt.Fscanf(from, "started %d\n", &pid); err != nil {
		return 0, errors.New("the keeper ended before it started the plugin")
	}
	return pid, nil
}
