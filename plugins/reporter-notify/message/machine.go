package message

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Machine describes the machine for people. A text is empty where it is not known.
type Machine struct{ GPU, CPU, RAM string }

// DescribeMachine reads /proc and runs nvidia-smi. It takes 5 s at most.
func DescribeMachine(ctx context.Context) Machine {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var m Machine
	if out, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=name", "--format=csv,noheader").Output(); err == nil {
		m.GPU = countNames(string(out))
	}
	m.CPU = countNames(strings.Join(fieldsOf("/proc/cpuinfo", "model name"), "\n"))
	if total := fieldsOf("/proc/meminfo", "MemTotal"); len(total) > 0 {
		m.RAM = gibibytes(total[0])
	}
	return m
}

// fieldsOf returns the values of a key in a file of "key : value" lines.
func fieldsOf(path, key string) (values []string) {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == key {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// countNames counts equal lines and writes them as "8 × NVIDIA GeForce RTX 5090",
// separated by commas, in the order of their first appearance.
func countNames(text string) string {
	counts := map[string]int{}
	var names []string
	for name := range strings.SplitSeq(text, "\n") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if counts[name]++; counts[name] == 1 {
			names = append(names, name)
		}
	}
	for i, name := range names {
		if counts[name] > 1 {
			names[i] = fmt.Sprintf("%d × %s", counts[name], name)
		}
	}
	return strings.Join(names, ", ")
}

// gibibytes writes "263856084 kB" as "252 GiB".
func gibibytes(text string) string {
	kib, err := strconv.ParseUint(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}
