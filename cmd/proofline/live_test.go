package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/change"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// fakeHost answers commands from the snapshot of view_test.go.
type fakeHost struct {
	calls []string
	err   error
	store *checkpoint.Store // for Backup
}

func (h *fakeHost) called(format string, args ...any) error {
	h.calls = append(h.calls, fmt.Sprintf(format, args...))
	return h.err
}

func (h *fakeHost) Snapshot(context.Context) (status.Snapshot, error) { return snapshot(), nil }

func (h *fakeHost) Close() error { return nil }

func (h *fakeHost) Report(_ context.Context, job, to string) (int, error) {
	return 1, h.called("report %s %s", job, to)
}

func (h *fakeHost) Blocks(_ context.Context, q control.Query) ([]status.Job, error) {
	return jobs(), h.called("blocks %v %d", q.States, q.Limit)
}

func (h *fakeHost) ShowBlock(_ context.Context, number uint64) (list []status.Job, err error) {
	for _, j := range jobs() {
		if j.Block.Number == number {
			j.ID = fmt.Sprintf("job-%d", number)
			list = append(list, j)
		}
	}
	return list, h.err
}

func (h *fakeHost) AddBlocks(_ context.Context, numbers []uint64) (results []status.AddResult, err error) {
	for _, n := range numbers {
		results = append(results, status.AddResult{Number: n, Added: true, Outcome: "queued"})
	}
	return results, h.called("add %v", numbers)
}

func (h *fakeHost) ProveBlock(_ context.Context, g control.ProveRequest) (status.AddResult, error) {
	return status.AddResult{Number: g.Number, Outcome: "queued"}, h.called("prove %d %v %s %s", g.Number, g.Hash, g.Input, g.BuildTime)
}

func (h *fakeHost) ScoreRecord(context.Context) (score.Record, error) { return missing(), h.err }

func (h *fakeHost) Score(context.Context) (score.Report, error) { return standing(), h.err }

func (h *fakeHost) Retry(_ context.Context, a control.RetryRequest) error {
	return h.called("retry %s", a.Job)
}
func (h *fakeHost) Drain(_ context.Context, afterCurrent bool) (int, error) {
	return 2, h.called("drain %v", afterCurrent)
}
func (h *fakeHost) Reload(context.Context) (control.Reloaded, error) {
	return control.Reloaded{File: "pipeline.yaml", Applied: []change.Difference{{Path: "select.every", Old: "100", New: "10", Action: change.Nothing}}}, h.called("reload")
}
func (h *fakeHost) Skip(_ context.Context, job string) error { return h.called("skip %s", job) }
func (h *fakeHost) Backup(_ context.Context, to string) error {
	return errors.Join(h.called("backup %s", to), h.store.Backup(to))
}

func (h *fakeHost) Overview(context.Context) (live.Overview, error) { return live.Overview{}, h.err }

func (h *fakeHost) SetLogLevel(_ context.Context, level slog.Level) error {
	return h.called("level %s", level)
}

// hosted makes a working directory with a pipeline that a fake host runs.
func hosted(t *testing.T) *fakeHost {
	t.Helper()
	h := &fakeHost{}
	socket := filepath.Join(t.TempDir(), "s")
	t.Chdir(t.TempDir())
	if err := os.WriteFile("pipeline.yaml", []byte("version: 1\nname: x\nstages: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := control.Serve(socket, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	if _, err := control.Announce("data", control.Record{PID: 1, Socket: socket, Started: began}); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCommandsReachTheHost(t *testing.T) {
	h := hosted(t)
	if err := os.WriteFile("input.bin", []byte("input"), 0o600); err != nil {
		t.Fatal(err)
	}
	here, _ := os.Getwd()
	hash := contract.Hash{1}
	for _, c := range []struct {
		line   string
		call   string // what the host was asked
		stdout string // contained
		code   int
	}{
		{"status", "", "mainnet: running, pid 4711", 0},
		{"status pipeline.yaml --json", "", `"pipeline": "mainnet"`, 0},
		{"score", "", "mainnet: 1:1 cohort", 0},
		{"score pipeline.yaml --json", "", `"performance_percent": 75`, 0},
		{"blocks list", "blocks [] 50", "24647440", 0},
		{"blocks list --state failed --state done -n 0 --json", "blocks [failed done] 0", `"id": "1-24647140-0a0b0c0d"`, 0},
		{"blocks show 24,647,140", "", "announced as proved", 0},
		{"blocks show 0x17815e4 --json", "", `"job-24647140"`, 0},
		{"blocks show 5", "", "", exitRuntime},
		{"blocks add 7 5-6 7 -f pipeline.yaml", "add [7 5 6]", "7: queued\n5: queued\n6: queued\n", 0},
		{"prove 5 --input input.bin", "prove 5 <nil> " + filepath.Join(here, "input.bin") + " 0s", "5: queued", 0},
		{"prove --input input.bin --hash " + hash.String() + " 5 pipeline.yaml", "prove 5 " + hash.String() + " " + filepath.Join(here, "input.bin") + " 0s", "5: queued", 0},
		{"prove 5 --input input.bin --build-time 850ms", "prove 5 <nil> " + filepath.Join(here, "input.bin") + " 850ms", "5: queued", 0},
		{"prove 5 --input input.bin --build-time -1s", "", "", exitConfig},
		{"blocks retry 24647240", "retry job-24647240", "24647240: queued again\n", 0},
		{"blocks retry 24647140", "", "24647140: left alone: done\n", exitRuntime},
		{"blocks skip 24647440 24647340", "skip job-24647440|skip job-24647340", "24647440: skipped\n24647340: skipped\n", 0},
		{"log level debug", "level DEBUG", "host and plugins log from debug on", 0},
		{"log level warning pipeline.yaml", "level WARN", "from warning on", 0},
		{"log level loud", "", "", exitConfig},
		{"log level", "", "", exitConfig},
		{"top", "", "", exitConfig}, // no terminal
		{"blocks skip 9", "", "9: not known to this pipeline\n", exitRuntime},
	} {
		h.calls = nil
		code, stdout, stderr := execute(t, strings.Fields(c.line)...)
		if code != c.code || strings.Join(h.calls, "|") != c.call || !strings.Contains(stdout, c.stdout) {
			t.Errorf("%s: exit code %d, calls %q, stdout %q, stderr %q; want %d, %q, %q", c.line, code, h.calls, stdout, stderr, c.code, c.call, c.stdout)
		}
	}
}

func TestErrorOfTheHost(t *testing.T) {
	h := hosted(t)
	h.err = contract.Environment(errors.New("the source does not answer"), "start the node")
	code, stdout, stderr := execute(t, "blocks", "add", "5")
	if code != exitEnvironment || stdout != "" || stderr != "proofline: the source does not answer (start the node)\n" {
		t.Errorf("got %d %q %q", code, stdout, stderr)
	}
}

func TestWatchEndsWithTheContext(t *testing.T) {
	hosted(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, errs := &cancelling{cancel: cancel}, &strings.Builder{}
	code := Run(ctx, Options{Stdout: out, Stderr: errs, LookupEnv: os.LookupEnv}, []string{"status", "--watch", "--json"})
	if code != exitRuntime || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("exit code %d, %q, %q", code, out.String(), errs.String())
	}
}

// cancelling cancels at the first write.
type cancelling struct {
	strings.Builder
	cancel func()
}

func (c *cancelling) Write(p []byte) (int, error) {
	c.cancel()
	return c.Builder.Write(p)
}
