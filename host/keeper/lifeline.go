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

// What the host writes to the lifeline. Its end counts as orderStop. The keeper
// writes one line: "started PID".
const (
	orderStop = 't' // terminate, kill after the grace period
	orderKill = 'k' // kill at once, also while a grace period runs
)

// newLifeline makes both ends. The host's end stays in the calling process;
// the keeper's end is handed to the keeper and closed here.
func newLifeline() (host, keeper *os.File, err error) {
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

func openLifeline() (lifeline, error) {
	var st unix.Stat_t
	if err := unix.Fstat(LifelineFD, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return lifeline{}, errors.New("there is no lifeline: keepers are started by \"proofline run\", not by hand")
	}
	unix.CloseOnExec(LifelineFD)
	return lifeline{os.NewFile(LifelineFD, "lifeline")}, nil
}

// started tells the host the plugin's process id. A host that is gone does not
// matter: orders notices.
func (l lifeline) started(pid int) { _, _ = fmt.Fprintf(l.f, "started %d\n", pid) }

// orphanGrace is what the plugin gets to end after the death of its host, however
// long its grace period is: nobody waits for what it does, and the next host may
// be starting.
const orphanGrace = time.Second

// orders returns a channel that closes when the plugin is to stop, and one that
// closes when it is to stop without grace. A first signal asks for the one, a
// second for the other.
func (l lifeline) orders(signals <-chan os.Signal) (stop, now <-chan struct{}) {
	stopping, hurrying := make(chan struct{}), make(chan struct{})
	stopOnce := sync.OnceFunc(func() { close(stopping) })
	hurryOnce := sync.OnceFunc(func() { close(hurrying) })
	go func() {
		from := bufio.NewReader(l.f)
		for {
			switch order, err := from.ReadByte(); {
			case err != nil: // whatever ends the reading, the host is gone
				stopOnce()
				time.AfterFunc(orphanGrace, hurryOnce)
				return
			case order == orderKill:
				hurryOnce()
				stopOnce()
			default:
				stopOnce()
			}
		}
	}()
	go func() {
		<-signals
		stopOnce()
		<-signals
		hurryOnce()
	}()
	return stopping, hurrying
}

// readStarted reads the plugin's process id at the host's end.
func readStarted(from io.Reader) (pid int, err error) {
	if _, err := fmt.Fscanf(from, "started %d\n", &pid); err != nil {
		return 0, errors.New("the keeper ended before it started the plugin")
	}
	return pid, nil
}
