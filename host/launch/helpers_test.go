package launch

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
)

// limit is the time after which a test fails. The machine may be busy, so that shorter
// times are only logged.
const limit = 30 * time.Second

// quiet is a logger that discards all records.
var quiet = slog.New(slog.DiscardHandler)

// openRun opens a run with a data directory of the test.
func openRun(t testing.TB, data string) *Run {
	t.Helper()
	run, err := OpenRun(t.Context(), data, quiet)
	if err != nil {
		t.Fatal(err)
	}
	run.Keeper = []string{os.Args[0], "keeper"}
	t.Cleanup(func() {
		if err := run.Close(); err != nil {
			t.Error(err)
		}
		if _, err := keeper.Sweep(context.Background(), keeper.Mark{Instance: run.Instance}, 0); err != nil {
			t.Error(err)
		}
	})
	return run
}

// chaosSpec returns the spec of the plugin in this binary. start is its misbehaviour
// before the handshake, or empty.
func chaosSpec(t testing.TB, start string) Spec {
	t.Helper()
	return specOver(openRun(t, t.TempDir()), start)
}

func specOver(run *Run, start string) Spec {
	_ = os.Setenv("CHAOS", start)
	return Spec{
		Run: run, Pipeline: "test", Stage: "prove",
		Binary:   catalog.Binary{Name: "prover-chaos", Path: os.Args[0], Manifest: chaosManifest},
		StateDir: filepath.Join(run.Locks, "state"), Env: []string{"CHAOS"},
		Log: quiet,
	}
}

func launch(t testing.TB, spec Spec) *Plugin {
	t.Helper()
	p, err := Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t testing.TB, p *Plugin) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func awaitDone(t *testing.T, p *Plugin) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(limit):
		t.Fatalf("the process is alive after %v", limit)
	}
}

func task(t *testing.T, job string) contract.Task {
	return contract.Task{Pipeline: "test", Stage: "prove", Job: job, Attempt: 1, Dir: t.TempDir(),
		Block: contract.Block{ChainID: 1, Number: 7, Hash: contract.Hash{1}}}
}

func ignore(contract.WorkEvent) error { return nil }

// alive reports whether the process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	after := stat[strings.LastIndexByte(string(stat), ')')+1:]
	return !strings.Contains("ZX", strings.Fields(string(after))[0])
}

func wantGone(t *testing.T, pids ...int) {
	t.Helper()
	began := time.Now()
	for slices.ContainsFunc(pids, alive) {
		if time.Since(began) > limit {
			t.Fatalf("of the processes %v some are alive after %v", pids, limit)
		}
		time.Sleep(time.Millisecond)
	}
	t.Logf("%d processes gone after %v", len(pids), time.Since(began).Round(time.Millisecond))
}
