package live

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Hardware is the machine that the host runs on.
type Hardware struct {
	CPUPercent  float64 `json:"cpu_percent"` // mean since the last reading
	MemoryUsed  int64   `json:"memory_used_bytes"`
	MemoryTotal int64   `json:"memory_total_bytes"`
	DiskFree    int64   `json:"disk_free_bytes"` // of the data folder
	DiskTotal   int64   `json:"disk_total_bytes"`
	GPUs        []GPU   `json:"gpus"`
	GPUNote     string  `json:"gpu_note,omitempty"` // why there are no readings
	Watts       float64 `json:"watts"`              // of all GPUs
	Joules      float64 `json:"joules"`             // of all GPUs since the host started
}

// GPU is one reading of nvidia-smi. A value that the card does not report is negative.
type GPU struct {
	Index       int     `json:"index"`
	Name        string  `json:"name"`
	Percent     float64 `json:"percent"`
	MemoryUsed  int64   `json:"memory_used_bytes"`
	MemoryTotal int64   `json:"memory_total_bytes"`
	Celsius     float64 `json:"celsius"`
	Watts       float64 `json:"watts"`
	Slowed      bool    `json:"slowed"` // its clocks are reduced because of heat
	Lost        bool    `json:"lost"`   // an earlier reading had the card, this one has not
}

// Reading is the state of all GPUs at one time. A value that no card reports is negative.
type Reading struct {
	Time    time.Time `json:"t"`
	Watts   float64   `json:"w"` // sum of all cards
	Celsius float64   `json:"c"` // of the hottest card
	Percent float64   `json:"u"` // load, mean of all cards
	Memory  float64   `json:"m"` // used memory of all cards, in percent
}

// readingOf combines the readings of the cards.
func readingOf(at time.Time, cards []GPU) Reading {
	r := Reading{Time: at, Celsius: -1, Percent: -1, Memory: -1}
	load, loaded, used, total := 0.0, 0, int64(0), int64(0)
	for _, g := range cards {
		r.Watts += max(0, g.Watts)
		r.Celsius = max(r.Celsius, g.Celsius)
		if g.Percent >= 0 {
			load, loaded = load+g.Percent, loaded+1
		}
		if g.MemoryUsed >= 0 && g.MemoryTotal > 0 {
			used, total = used+g.MemoryUsed, total+g.MemoryTotal
		}
	}
	if loaded > 0 {
		r.Percent = round(load/float64(loaded), 0.1)
	}
	if total > 0 {
		r.Memory = round(100*float64(used)/float64(total), 0.1)
	}
	return r
}

// gpuFields are the fields of a query to nvidia-smi (nvidia-smi --help-query-gpu).
const gpuFields = "index,name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw,clocks_event_reasons.hw_thermal_slowdown,clocks_event_reasons.sw_thermal_slowdown"

// queryGPUs reads the GPUs with nvidia-smi. It returns none, and no error, if the
// program is not installed.
func queryGPUs(ctx context.Context) ([]GPU, error) {
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--query-gpu="+gpuFields, "--format=csv,noheader,nounits")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("nvidia-smi: %w", err)
	}
	return parseGPUs(strings.NewReader(string(out)))
}

// parseGPUs reads the CSV of nvidia-smi --query-gpu=gpuFields. A value in brackets,
// such as [N/A], means that the card does not report it.
func parseGPUs(text io.Reader) (gpus []GPU, err error) {
	r := csv.NewReader(text)
	r.TrimLeadingSpace, r.FieldsPerRecord = true, -1
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return gpus, nil
		}
		if err != nil {
			return nil, fmt.Errorf("nvidia-smi: %w", err)
		}
		index, bad := strconv.Atoi(row[0])
		if bad != nil || index < 0 || len(row) != strings.Count(gpuFields, ",")+1 {
			return nil, fmt.Errorf("nvidia-smi: a line that is no reading: %.80q", strings.Join(row, ", "))
		}
		gpus = append(gpus, GPU{
			Index: index, Name: row[1], Percent: reading(row[2]), MemoryUsed: mebibytes(row[3]), MemoryTotal: mebibytes(row[4]),
			Celsius: reading(row[5]), Watts: reading(row[6]), Slowed: row[7] == "Active" || row[8] == "Active",
		})
	}
}

// reading parses a number from 0 to ten million. It returns -1 for any other text.
func reading(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1e7) {
		return -1
	}
	return v
}

// mebibytes parses a number of MiB and returns bytes, or -1.
func mebibytes(text string) int64 {
	if v := reading(text); v >= 0 {
		return int64(v * (1 << 20))
	}
	return -1
}

// machine reads figures of this machine from the kernel (proc(5)). It is not safe for
// concurrent use.
type machine struct {
	proc       string // "/proc"
	data       string // a path on the disk to watch
	busy, idle uint64 // CPU time at the last reading, in ticks
}

// read fills in everything but the GPUs. Values that cannot be read stay unchanged.
func (m *machine) read(h *Hardware) {
	if busy, idle, ok := m.cpu(); ok {
		if all := busy - m.busy + idle - m.idle; m.busy > 0 && all > 0 {
			h.CPUPercent = round(100*float64(busy-m.busy)/float64(all), 0.1)
		}
		m.busy, m.idle = busy, idle
	}
	if total, free := m.memory(); total > 0 {
		h.MemoryTotal, h.MemoryUsed = total, total-free
	}
	var fs syscall.Statfs_t
	if syscall.Statfs(m.data, &fs) == nil {
		h.DiskTotal, h.DiskFree = int64(fs.Blocks)*fs.Bsize, int64(fs.Bavail)*fs.Bsize
	}
}

// cpu returns the busy and idle time of all CPUs since boot, in ticks.
func (m *machine) cpu() (busy, idle uint64, ok bool) {
	text, err := os.ReadFile(filepath.Join(m.proc, "stat"))
	if err != nil {
		return 0, 0, false
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0, false
	}
	for i, f := range fields[1:9] { // user nice system idle iowait irq softirq steal
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, 0, false
		}
		if i == 3 || i == 4 {
			idle += n
		} else {
			busy += n
		}
	}
	return busy, idle, true
}

// memory returns the total and the available memory in bytes; 0 if they are not known.
func (m *machine) memory() (total, available int64) {
	f, err := os.Open(filepath.Join(m.proc, "meminfo"))
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kb, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "MemTotal:":
			total = kb << 10
		case "MemAvailable:":
			available = kb << 10
		}
	}
	return total, available
}

// treeMemory returns the resident memory of each process together with all its
// descendants, in bytes.
func (m *machine) treeMemory(pids []int) map[int]int64 {
	parents, sizes := map[int]int{}, map[int]int64{}
	entries, _ := os.ReadDir(m.proc)
	page := int64(os.Getpagesize())
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.proc, e.Name(), "stat"))
		if err != nil {
			continue
		}
		end := strings.LastIndexByte(string(text), ')') // ends the name, which may contain any byte
		rest, ok := string(text[end+1:]), end > 0
		fields := strings.Fields(rest)
		if !ok || len(fields) < 22 {
			continue
		}
		parents[pid], _ = strconv.Atoi(fields[1])
		resident, _ := strconv.ParseInt(fields[21], 10, 64)
		sizes[pid] = resident * page
	}
	total := map[int]int64{}
	for _, root := range pids {
		if root <= 0 {
			continue
		}
		for pid, size := range sizes {
			for at, steps := pid, 0; at > 0 && steps < 64; at, steps = parents[at], steps+1 {
				if at == root {
					total[root] += size
					break
				}
			}
		}
	}
	return total
}
