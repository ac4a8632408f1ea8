package machine

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/proofline/proofline/sdk/procfs"
)

// PortsPerRank is the number of consecutive ports on which the assembly services of
// ZisK 0.14 to 0.16 listen. DefaultPort is the first of them.
// Source: 0xPolygonHermez/zisk:emulator-asm/asm-runner/src/asm_services/services.rs@v0.14.0.
const (
	PortsPerRank = 3
	DefaultPort  = 23115
)

// Listener is a process that listens on a TCP port.
type Listener struct {
	Port int
	PID  int // 0 if the process belongs to another user or to another namespace
}

// String describes the listener in a sentence for an error message.
func (l Listener) String() string {
	if l.PID == 0 {
		return fmt.Sprintf("port %d is in use by a process of another user", l.Port)
	}
	return fmt.Sprintf("port %d is in use by process %d (%s)", l.Port, l.PID, procfs.Name(l.PID))
}

// Free reports whether no process listens on the n ports from first on, on any address. It
// is much faster than Listeners, which finds the processes.
func Free(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// Listeners returns the processes that listen on the n ports from first on, by port.
func Listeners(first, n int) []Listener {
	inodes := make(map[string]int) // socket inode to port
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		readListeners(table, first, n, inodes)
	}
	if len(inodes) == 0 {
		return nil
	}
	found := make(map[int]Listener)
	for _, port := range inodes {
		found[port] = Listener{Port: port}
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(target, "socket:[") {
			continue
		}
		port, ok := inodes[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")]
		if !ok {
			continue
		}
		if pid, err := strconv.Atoi(strings.SplitN(link, "/", 4)[2]); err == nil {
			found[port] = Listener{Port: port, PID: pid}
		}
	}
	var listeners []Listener
	for _, l := range found {
		listeners = append(listeners, l)
	}
	slices.SortFunc(listeners, func(a, b Listener) int { return a.Port - b.Port })
	return listeners
}

// readListeners adds the listening sockets of a table of proc(5) to inodes.
func readListeners(table string, first, n int, inodes map[string]int) {
	file, err := os.Open(table)
	if err != nil {
		return
	}
	defer file.Close()
	const listen = "0A"
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listen {
			continue
		}
		_, hex, ok := strings.Cut(fields[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		if ok && err == nil && int(port) >= first && int(port) < first+n {
			inodes[fields[9]] = int(port)
		}
	}
}
