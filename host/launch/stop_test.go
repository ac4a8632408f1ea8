package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

func TestStopEndsFrozenPlugin(t *testing.T) {
	spec := chaosSpec(t, "")
	spec.Grace = 100 * time.Millisecond
	p := launch(t, spec)
	if err := syscall.Kill(p.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop(t, p)
	t.Logf("a stopped plugin is gone after %v", time.Since(began).Round(time.Millisecond))
	if alive(p.PID()) || alive(p.KeeperPID()) {
		t.Error("alive")
	}
}

func TestStopInAHurry(t *testing.T) {
	spec := chaosSpec(t, "")
	spec.Grace = time.Hour
	p := launch(t, spec)
	var calls sync.WaitGroup
	begun := make(chan struct{})
	calls.Go(func() {
		once := sync.OnceFunc(func() { close(begun) })
		_, err := p.Do(context.Background(), task(t, "stubborn"), func(contract.WorkEvent) error { once(); return nil })
		if contract.ClassOf(err) != contract.ClassInterrupted {
			t.Errorf("%v", err)
		}
	})
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
	calls.Wait()
	if alive(p.PID()) {
		t.Error("alive")
	}
}

// playHost launches a plugin that starts processes, announces all of them, and keeps
// running.
func playHost(data string) {
	run, err := OpenRun(context.Background(), data, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	run.Keeper = []string{os.Args[0], "keeper"}
	p, err := Launch(context.Background(), specOver(run, ""))
	if err != nil {
		panic(err)
	}
	result, err := p.Do(context.Background(), contract.Task{Job: "family", Block: contract.Block{Number: 1}}, ignore)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.KeeperPID(), result.Facts["pids"])
	select {}
}

func TestHostKilled(t *testing.T) {
	data := t.TempDir()
	host := exec.Command(os.Args[0], "host", data)
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Process.Kill(); _ = host.Wait() })
	pids := make([]int, 4) // keeper, plugin, child, daemon
	if _, err := fmt.Fscan(out, &pids[0], &pids[1], &pids[2], &pids[3]); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("precondition: %d of %v is not alive", pid, pids)
		}
	}
	note, err := os.ReadFile(filepath.Join(data, "run", "sockets"))
	if err != nil {
		t.Fatal(err)
	}
	_ = host.Process.Kill()
	_ = host.Wait()
	wantGone(t, pids...)

	run := openRun(t, data)
	if string(note) != run.Sockets {
		if _, err := os.Stat(string(note)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket directory of the killed host: %v", err)
		}
	}
	launch(t, specOver(run, ""))
}

func TestKeeperKilled(t *testing.T) {
	spec := chaosSpec(t, "")
	p := launch(t, spec)
	result, err := p.Do(t.Context(), task(t, "family"), ignore)
	if err != nil {
		t.Fatal(err)
	}
	var plugin, child, daemon int
	if _, err := fmt.Sscan(result.Facts["pids"], &plugin, &child, &daemon); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(p.KeeperPID(), syscall.SIGKILL)
	awaitDone(t, p)
	if !strings.Contains(p.Err().Error(), "keeper was killed by SIGKILL") {
		t.Error(p.Err())
	}
	if !alive(child) || !alive(daemon) {
		t.Fatal("precondition: child and daemon are not alive, there is nothing to sweep")
	}
	stop(t, p)
	wantGone(t, plugin, child, daemon)
	launch(t, spec)
}
