package machine

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GPU is a card as nvidia-smi describes it.
type GPU struct {
	Index      int
	UUID       string
	Name       string
	Capability string // compute capability, for example "8.9"
	TotalMiB   int    // 0 if it is not known
	FreeMiB    int
	Driver     string // version of the driver
}

// ErrNoGPUTool means that nvidia-smi is not installed, so that nothing is known of GPUs.
var ErrNoGPUTool = errors.New("nvidia-smi is not installed")

// queryTimeout is the time limit of a call of nvidia-smi, which hangs if the driver does.
const queryTimeout = 20 * time.Second

// GPUs lists the cards of the machine. The error is ErrNoGPUTool if nvidia-smi is not
// installed.
func GPUs(ctx context.Context) ([]GPU, error) {
	rows, err := query(ctx, "--query-gpu=index,uuid,name,compute_cap,memory.total,memory.free,driver_version")
	if err != nil {
		return nil, err
	}
	var gpus []GPU
	for _, row := range rows {
		if len(row) != 7 {
			return nil, fmt.Errorf("nvidia-smi answered %q", row)
		}
		g := GPU{UUID: row[1], Name: row[2], Capability: row[3], Driver: row[6]}
		if g.Index, err = strconv.Atoi(row[0]); err != nil {
			return nil, fmt.Errorf("nvidia-smi answered %q", row)
		}
		g.TotalMiB, _ = strconv.Atoi(row[4]) // "[N/A]" on cards with unified memory
		g.FreeMiB, _ = strconv.Atoi(row[5])
		gpus = append(gpus, g)
	}
	return gpus, nil
}

// ComputeProcesses returns the ids of the processes that hold memory of a GPU, in
// ascending order.
func ComputeProcesses(ctx context.Context) ([]int, error) {
	rows, err := query(ctx, "--query-compute-apps=pid")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, row := range rows {
		if pid, err := strconv.Atoi(row[0]); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// AwaitRelease waits until none of the processes holds memory of a GPU, or until ctx
// ends. The driver frees the memory some time after a process has ended, and a proof that
// starts earlier gets less of it. Without nvidia-smi it returns at once.
func AwaitRelease(ctx context.Context, pids []int) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		holders, err := ComputeProcesses(ctx)
		if errors.Is(err, ErrNoGPUTool) {
			return nil
		}
		if err != nil {
			return err
		}
		i := slices.IndexFunc(holders, func(pid int) bool { return slices.Contains(pids, pid) })
		if i < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d still holds GPU memory: %w", holders[i], context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

func query(ctx context.Context, what string) ([][]string, error) {
	tool, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return nil, ErrNoGPUTool
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, what, "--format=csv,noheader,nounits")
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		message := strings.TrimSpace(stderr.String() + " " + string(out))
		return nil, fmt.Errorf("nvidia-smi: %w: %s", err, message)
	}
	r := csv.NewReader(bytes.NewReader(out))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	return r.ReadAll()
}
