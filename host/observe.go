package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/monitor"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

var (
	_ live.Source      = (*host)(nil)
	_ control.Live     = (*host)(nil)
	_ monitor.Pipeline = (*host)(nil)
)

// newModel returns the model of this pipeline that the monitor shows.
func (h *host) newModel(lines *live.Log) *live.Model {
	p := h.file()
	proofs := proofsOf(p)
	return live.New(h, live.Config{
		Selection: p.Select, Proofs: proofs, Data: p.Data, Log: lines, Errors: h.Log,
		KWhPrice: p.Monitor.KWhPrice, GPUHourPrice: p.Monitor.GPUHourPrice, Currency: p.Monitor.Currency,
	})
}

// proofsOf returns the proof stages of each reporter, by the name of the reporter.
func proofsOf(p *pipeline.Pipeline) map[string][]string {
	proofs := map[string][]string{}
	for _, s := range p.Stages {
		if s.Kind == contract.KindReporter {
			proofs[s.Name] = s.Proofs
		}
	}
	return proofs
}

// runModel runs the model until the returned function is called, which waits for it. The
// end of ctx does not end it, so that an orderly stop can be watched.
func runModel(ctx context.Context, model *live.Model) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { model.Run(ctx) })
	return func() error {
		cancel()
		running.Wait()
		return nil
	}
}

// Overview returns what the dashboard shows at this instant.
func (h *host) Overview(context.Context) (live.Overview, error) { return h.model.Overview(), nil }

// SetLogLevel sets the lowest level that the host and its plugins log.
func (h *host) SetLogLevel(_ context.Context, level slog.Level) error {
	if h.Level == nil {
		return contract.Permanent(errors.New("the log level of this host cannot be changed: the log belongs to the program that has started it"))
	}
	h.Level.Set(level)
	h.run.SetLogLevel(level)
	h.Log.Log(context.Background(), max(level, slog.LevelInfo), "the log level was changed", "level", strings.ToLower(level.String()))
	return nil
}

// graph returns the stages that each stage needs.
func (h *host) graph() map[string][]string {
	after := map[string][]string{}
	for _, s := range h.file().Stages {
		after[s.Name] = s.Needs
	}
	return after
}

// FinishedSince returns the jobs that finished at that time or later.
func (h *host) FinishedSince(_ context.Context, since time.Time) ([]status.Job, error) {
	return history.FinishedSince(h.store, history.Stages(h.file()), since)
}

// Course returns the performance at every hour of the running week.
func (h *host) Course(context.Context) ([]score.Point, error) {
	now := time.Now()
	rec, err := h.ledger.Record(h.store, h.file(), now)
	if err != nil {
		return nil, err
	}
	return score.Course(rec, now), nil
}

// Recorded returns the size of the checkpoint in bytes; 0 when it cannot be read.
func (h *host) Recorded() int64 {
	size, err := h.store.Size()
	if err != nil {
		return 0
	}
	return size
}

// Page returns a page of jobs.
func (h *host) Page(_ context.Context, r history.Range) (history.Page, error) {
	return history.ReadPage(h.store, history.Stages(h.file()), r)
}

// Owed returns the events that wait for a reporter, the oldest first.
func (h *host) Owed(_ context.Context, reporter string) ([]record.Event, error) {
	return h.store.Outbox(reporter)
}

// plainName matches the job and the stage of a request that may be part of a path.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// maxLog is the largest part of an attempt's log that is shown, in bytes.
const maxLog = 64 << 10

// AttemptLog returns the end of the kept log of a failed attempt, at most 64 KiB. The
// error is fs.ErrNotExist when no log was kept.
func (h *host) AttemptLog(_ context.Context, job, stage string, attempt uint32) ([]byte, error) {
	if !plainName.MatchString(job) || !plainName.MatchString(stage) {
		return nil, fmt.Errorf("log of %q: %w", job+"/"+stage, fs.ErrNotExist)
	}
	root, err := os.OpenRoot(filepath.Join(h.file().Data, "attempts"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// The plugin may have put a pipe into its folder, so opening must not block.
	f, err := root.OpenFile(filepath.Join(job, stage, strconv.FormatUint(uint64(attempt), 10), launch.LogFile), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(fs.ErrNotExist, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	if skip := info.Size() - maxLog; skip > 0 {
		if _, err := f.Seek(skip, io.SeekStart); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(f, maxLog))
}
