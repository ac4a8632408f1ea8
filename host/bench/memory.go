package bench

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"

	"github.com/proofline/proofline/sdk/procfs"
)

// Resident returns the resident memory of a process and of all its descendants in bytes
// (proc_pid_status(5), VmRSS). Processes that have ended count as 0.
func Resident(pid int) (bytes int64) {
	for _, p := range descendants(pid) {
		bytes += resident(p)
	}
	return bytes
}

// resident returns the resident memory of one process in bytes.
func resident(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// descendants returns a process and all its direct and indirect children.
func descendants(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, procfs.Children(all[i])...)
	}
	return all
}
