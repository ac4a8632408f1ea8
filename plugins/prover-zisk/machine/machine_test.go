package machine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	zisktest.Cleanup()
	os.Exit(code)
}

func TestOwner(t *testing.T) {
	owner := machine.OwnerOf(t.TempDir())
	if owner == machine.OwnerOf(t.TempDir()) {
		t.Fatal("two state directories have one owner")
	}
	// A session of its own, and a child that outlives its parent.
	cmd := exec.Command("setsid", "sh", "-c", "sleep 1000 & sleep 1000")
	cmd.Env = append(os.Environ(), owner.Variable())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	for len(owner.Processes()) < 2 {
		time.Sleep(time.Millisecond)
	}
	if other := machine.OwnerOf(t.TempDir()).Processes(); len(other) > 0 {
		t.Errorf("another owner has %v", other)
	}
	killed, err := owner.Kill(t.Context())
	if err != nil || len(killed) < 2 {
		t.Errorf("killed %v: %v", killed, err)
	}
	if left := owner.Processes(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestListeners(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		found := machine.Listeners(port, 1)
		if machine.Free(port, 1) {
			t.Errorf("%s: port %d counts as free", address, port)
		}
		if len(found) != 1 || found[0] != (machine.Listener{Port: port, PID: os.Getpid()}) {
			t.Errorf("%s: %v", address, found)
		}
		if text := found[0].String(); !strings.Contains(text, fmt.Sprint(port)) || !strings.Contains(text, fmt.Sprint(os.Getpid())) {
			t.Errorf("message %q", text)
		}
		l.Close()
		if found := machine.Listeners(port, 1); len(found) != 0 {
			t.Errorf("%s: after close %v", address, found)
		}
	}
}

func TestShared(t *testing.T) {
	const number = 1<<22 + 77 // above the largest process id and port
	mine := []string{
		fmt.Sprintf("/dev/shm/ZISK_%d_0_MO_input", number),
		fmt.Sprintf("/dev/shm/sem.ZISK_%d_0_MO_chunk_done", number),
		filepath.Join(os.TempDir(), fmt.Sprintf("ZISK_%d_0.lock", number)),
	}
	others := []string{
		fmt.Sprintf("/dev/shm/ZISK_%d_0_MO_input", number+1),
		fmt.Sprintf("/dev/shm/XZISK_%d_0", number),
		filepath.Join(os.TempDir(), fmt.Sprintf("ZISK_%d_notes.txt", number)),
	}
	for _, path := range append(slices.Clone(mine), others...) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Skipf("no shared memory: %v", err)
		}
		t.Cleanup(func() { os.Remove(path) })
	}
	removed, err := machine.RemoveShared(number)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(removed)
	slices.Sort(mine)
	if !slices.Equal(removed, mine) {
		t.Errorf("removed %v, want %v", removed, mine)
	}
	for _, path := range others {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s is gone", path)
		}
	}
}

func TestLocks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "locks")
	acquire := func(gpus ...string) (*machine.Lock, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		return machine.AcquireGPUs(ctx, dir, gpus)
	}
	for _, tc := range []struct {
		held, wanted []string
		free         bool
	}{
		{[]string{"0"}, []string{"0"}, false},
		{[]string{"0"}, []string{"1"}, true},
		{[]string{"0", "1"}, []string{"1", "2"}, false},
		{[]string{"1", "0"}, []string{"2"}, true},
		{nil, []string{"0"}, false},
		{[]string{"GPU-ab/../cd"}, nil, false},
		{nil, nil, false},
		{[]string{"0", "0"}, []string{"1"}, true},
	} {
		held, err := acquire(tc.held...)
		if err != nil {
			t.Fatalf("%v: %v", tc.held, err)
		}
		wanted, err := acquire(tc.wanted...)
		if tc.free != (err == nil) {
			t.Errorf("%v while %v is held: %v", tc.wanted, tc.held, err)
		}
		if err == nil {
			wanted.Release()
		} else if !errors.Is(err, machine.ErrBusy) {
			t.Error(err)
		}
		held.Release()
		held.Release()
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "gpu-evil.lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := acquire("evil"); err == nil || errors.Is(err, machine.ErrBusy) {
		t.Errorf("a symbolic link was followed: %v", err)
	}
}

func TestGPUs(t *testing.T) {
	tool := zisktest.New(t, zisktest.Scenario{GPUs: []string{
		"0, GPU-aaaa, NVIDIA GeForce RTX 4090, 8.9, 24564, 24000, 570.86.10",
		"1, GPU-bbbb, NVIDIA GB10, 12.1, [N/A], [N/A], 580.1",
	}})
	t.Setenv("PATH", tool.Dir+":"+os.Getenv("PATH"))
	gpus, err := machine.GPUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []machine.GPU{
		{0, "GPU-aaaa", "NVIDIA GeForce RTX 4090", "8.9", 24564, 24000, "570.86.10"},
		{1, "GPU-bbbb", "NVIDIA GB10", "12.1", 0, 0, "580.1"},
	}
	if !slices.Equal(gpus, want) {
		t.Errorf("%+v", gpus)
	}

	// The driver gives memory back 200 ms after the process is gone.
	tool.Set(t, zisktest.Scenario{GPUs: []string{"0, GPU-aaaa, X, 8.9, 1, 1, 1"}, VRAMLingerMS: 200})
	holder := exec.Command("true")
	if err := holder.Run(); err != nil {
		t.Fatal(err)
	}
	pid := holder.Process.Pid
	if err := os.MkdirAll(filepath.Join(tool.Dir, "vram"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tool.Dir, "vram", fmt.Sprint(pid)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := machine.AwaitRelease(t.Context(), []int{pid + 1}); err != nil {
		t.Errorf("waiting for another process: %v", err)
	}
	start := time.Now()
	if err := machine.AwaitRelease(t.Context(), []int{pid}); err != nil || time.Since(start) < 150*time.Millisecond {
		t.Errorf("released after %v: %v", time.Since(start), err)
	}

	tool.Set(t, zisktest.Scenario{})
	if _, err := machine.GPUs(t.Context()); err == nil || !strings.Contains(err.Error(), "couldn't communicate") {
		t.Errorf("a driver that does not answer: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := machine.GPUs(t.Context()); !errors.Is(err, machine.ErrNoGPUTool) {
		t.Errorf("without nvidia-smi: %v", err)
	}
	if err := machine.AwaitRelease(t.Context(), []int{1}); err != nil {
		t.Errorf("without nvidia-smi: %v", err)
	}
}
