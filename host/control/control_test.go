package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/proofline/proofline/host/change"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a Pipeline that records its calls.
type host struct {
	query Query
	given ProveRequest
	job   string
	err   error
}

func (h *host) Snapshot(context.Context) (status.Snapshot, error) {
	return status.Snapshot{Pipeline: "mainnet", PID: 7}, nil
}

func (h *host) Blocks(_ context.Context, q Query) ([]status.Job, error) {
	h.query = q
	return []status.Job{{ID: "1-5-00000000", State: status.JobDone}}, h.err
}

func (h *host) ShowBlock(_ context.Context, number uint64) ([]status.Job, error) {
	return []status.Job{{Block: contract.Block{Number: number}}}, h.err
}

func (h *host) AddBlocks(_ context.Context, numbers []uint64) (results []status.AddResult, err error) {
	for _, n := range numbers {
		results = append(results, status.AddResult{Number: n, Added: n != 5, Outcome: "queued"})
	}
	return results, h.err
}

func (h *host) ProveBlock(_ context.Context, g ProveRequest) (status.AddResult, error) {
	h.given = g
	return status.AddResult{Number: g.Number, Added: true}, h.err
}

func (h *host) Score(context.Context) (score.Report, error) {
	return score.Report{Pipeline: "mainnet", Week: score.Tally{Blocks: 20, Under: 15}}, h.err
}

func (h *host) ScoreRecord(context.Context) (score.Record, error) {
	return score.Record{Pipeline: "mainnet", Targets: contract.Selection{Every: 10}, Blocks: []score.Block{{Number: 20, Time: time.Unix(1_700_000_000, 0).UTC(), Report: score.Rejected}}}, h.err
}

func (h *host) Close() error { return nil }

func (h *host) Retry(_ context.Context, request RetryRequest) error {
	h.job = "retry " + request.Job + request.From
	return h.err
}

func (h *host) Report(_ context.Context, job, to string) (int, error) {
	h.job = "report " + job + to
	return 2, h.err
}

func (h *host) Drain(_ context.Context, afterCurrent bool) (int, error) {
	h.job = fmt.Sprint("drain ", afterCurrent)
	return 3, h.err
}

func (h *host) Reload(context.Context) (Reloaded, error) {
	h.job = "reload"
	return Reloaded{File: "p.yaml", Failed: []Unapplied{{Difference: change.Difference{Path: "select.every"}, Error: "busy"}}}, h.err
}

func (h *host) Skip(_ context.Context, job string) error { h.job = "skip " + job; return h.err }
func (h *host) Backup(_ context.Context, to string) error {
	h.job = "backup " + to
	return h.err
}

// start runs a server and dials it through the record, as a command does.
func start(t *testing.T, h Pipeline) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	data := t.TempDir()
	s, err := Serve(socket, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v; want mode 0600", info.Mode(), err)
	}
	withdraw, err := Announce(data, Record{PID: os.Getpid(), Socket: socket, Started: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := withdraw(); err != nil {
			t.Error(err)
		}
		if _, err := Dial(context.Background(), data); !errors.Is(err, ErrNotRunning) {
			t.Errorf("dial after the record is gone: %v", err)
		}
	})
	c, err := Dial(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCalls(t *testing.T) {
	h := &host{}
	c := start(t, h)
	ctx := t.Context()
	if snap, err := c.Snapshot(ctx); err != nil || snap.Pipeline != "mainnet" || snap.PID != 7 {
		t.Errorf("Snapshot: %+v, %v", snap, err)
	}
	query := Query{States: []status.JobState{status.JobFailed, status.JobDone}, Limit: 3}
	if jobs, err := c.Blocks(ctx, query); err != nil || len(jobs) != 1 || !cmp.Equal(h.query, query) {
		t.Errorf("Blocks: %+v, %v; the host was asked for %+v", jobs, err, h.query)
	}
	if jobs, err := c.ShowBlock(ctx, 1<<63); err != nil || jobs[0].Block.Number != 1<<63 {
		t.Errorf("ShowBlock: %+v, %v", jobs, err)
	}
	if results, err := c.AddBlocks(ctx, []uint64{5, 6}); err != nil || len(results) != 2 || results[0].Added || !results[1].Added {
		t.Errorf("AddBlocks: %+v, %v", results, err)
	}
	if report, err := c.Score(ctx); err != nil || report.Week.Under != 15 || report.Pipeline != "mainnet" {
		t.Errorf("Score: %+v, %v", report, err)
	}
	if got, err := c.ScoreRecord(ctx); err != nil {
		t.Error(err)
	} else if want, _ := h.ScoreRecord(ctx); !cmp.Equal(got, want) {
		t.Errorf("ScoreRecord: %s", cmp.Diff(want, got))
	}
	hash := contract.Hash{1}
	given := ProveRequest{Number: 5, Hash: &hash, Input: "/tmp/input.bin", BuildTime: 850 * time.Millisecond}
	if result, err := c.ProveBlock(ctx, given); err != nil || result.Number != 5 || !cmp.Equal(h.given, given) {
		t.Errorf("ProveBlock: %+v, %v; the host was given %+v", result, err, h.given)
	}
}

func TestJobCommands(t *testing.T) {
	h := &host{}
	c := start(t, h)
	if err := c.Retry(t.Context(), RetryRequest{Job: "1-5-0a/b", From: " input"}); err != nil || h.job != "retry 1-5-0a/b input" {
		t.Errorf("Retry: %v, %q", err, h.job)
	}
	if n, err := c.Report(t.Context(), "1-5-00", " ethproofs"); err != nil || n != 2 || h.job != "report 1-5-00 ethproofs" {
		t.Errorf("Report: %d, %v, %q", n, err, h.job)
	}
	if err := c.Backup(t.Context(), "/b/x.db"); err != nil || h.job != "backup /b/x.db" {
		t.Errorf("Backup: %v, %q", err, h.job)
	}
	if err := c.Skip(t.Context(), "1-5-00"); err != nil || h.job != "skip 1-5-00" {
		t.Errorf("Skip: %v, %q", err, h.job)
	}
}

func TestErrorsKeepTheirClass(t *testing.T) {
	h := &host{}
	c := start(t, h)
	for _, want := range []error{
		contract.Environment(errors.New("the source is down"), "start the node"),
		contract.Permanent(errors.New("no such file")),
		contract.Interrupted(errors.New("the host is stopping")),
		errors.New("an unmarked error"),
	} {
		h.err = want
		_, err := c.AddBlocks(t.Context(), []uint64{1})
		if err == nil || err.Error() != want.Error() || contract.ClassOf(err) != contract.ClassOf(want) {
			t.Errorf("%v arrives as %v of class %s", want, err, contract.ClassOf(err))
		}
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	c := start(t, &host{})
	err := c.call(t.Context(), time.Minute, "POST", "/v1/blocks", map[string]any{"numbrs": 1}, nil)
	if contract.ClassOf(err) != contract.ClassPermanent || !strings.Contains(err.Error(), "numbrs") {
		t.Errorf("got %v", err)
	}
	if err := c.call(t.Context(), time.Minute, "GET", "/v1/nothing", nil, nil); err == nil || !strings.Contains(err.Error(), "same version") {
		t.Errorf("an unknown path: %v", err)
	}
}

// TestKilledHost checks that Dial returns ErrNotRunning when a killed host has left its
// record and its socket.
func TestKilledHost(t *testing.T) {
	data, socket := t.TempDir(), filepath.Join(t.TempDir(), "s")
	if _, err := Dial(t.Context(), data); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a record: %v", err)
	}
	if _, err := Announce(data, Record{PID: 1, Socket: socket}); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), data); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a socket: %v", err)
	}
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // nobody listens there
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), data); !errors.Is(err, ErrNotRunning) {
		t.Errorf("with a dead socket: %v", err)
	}
	s, err := Serve(socket, &host{}, slog.New(slog.DiscardHandler)) // replaces it
	if err != nil {
		t.Fatal(err)
	}
	if c, err := Dial(t.Context(), data); err != nil {
		t.Errorf("with a new host: %v", err)
	} else {
		c.Close()
	}
	s.Close(t.Context())
	if err := os.WriteFile(recordPath(data), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), data); err == nil || errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), "host.json") {
		t.Errorf("with a damaged record: %v", err)
	}
}
