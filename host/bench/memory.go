package bench

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
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

// descendants lists a process and what it has started, directly or not.
func descendants(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		id := strconv.Itoa(all[i])
		text, err := os.ReadFile("/proc/" + id + "/task/" + id + "/children")
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}
