package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

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
	_ monitor.Pipeline = (*host)(nil)
)

// newModel makes the picture of this pipeline that the monitor shows.
func (h *host) newModel(lines *live.Log) *live.Model {
	p := h.file()
	proofs := proofsOf(p)
	return live.New(h, live.Config{
		Selection: p.Select, Proofs: proofs, Data: p.Data, Log: lines, Errors: h.Log,
		KWhPrice: p.Monitor.KWhPrice, GPUHourPrice: p.Monitor.GPUHourPrice, Currency: p.Monitor.Currency,
	})
}

// proofsOf lists the proofs that each reporter tells of.
func proofsOf(p *pipeline.Pipeline) map[string][]string {
	proofs := map[string][]string{}
	for _, s := range p.Stages {
		if s.Kind == contract.KindReporter {
			proofs[s.Name] = s.Proofs
		}
	}
	return proofs
}

// following lets the model follow until the function that is returned is called.
// The end of ctx does not end it, so that an orderly stop can be watched.
func following(ctx context.Context, model *live.Model) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { model.Run(ctx) })
	return func() error {
		cancel()
		running.Wait()
		return nil
	}
}

// graph names what each stage needs.
func (h *host) graph() map[string][]string {
	after := map[string][]string{}
	for _, s := range h.file().Stages {
		after[s.Name] = s.Needs
	}
	return after
}

// FinishedSince reads the jobs that ended at that time or later.
func (h *host) FinishedSince(_ context.Context, since time.Time) ([]status.Job, error) {
	return history.FinishedSince(h.store, history.Stages(h.file()), since)
}

// Course is the way of the score through the running week.
func (h *host) Course(context.Context) ([]score.Point, error) {
	now := time.Now()
	standing, err := h.ledger.Record(h.store, h.file(), now)
	if err != nil {
		return nil, err
	}
	return score.Course(standing, now), nil
}

// Recorded is the size of the checkpoint in bytes; 0 where it cannot be read.
func (h *host) Recorded() int64 {
	size, err := h.store.Size()
	if err != nil {
		return 0
	}
	return size
}

// Page reads a page of the jobs.
func (h *host) Page(_ context.Context, r history.Range) (history.Page, error) {
	return history.ReadPage(h.store, history.Stages(h.file()), r)
}

// Owed lists what waits for a reporter, the oldest first.
func (h *host) Owed(_ context.Context, reporter string) ([]record.Event, error) {
	return h.store.Outbox(reporter)
}

// plainName is a part of an attempt's path.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// maxLog is how much of an attempt's log is shown, in bytes.
const maxLog = 64 << 10

// AttemptLog returns what was kept of the log of a failed attempt, at most its last
// 64 KiB. Where none was kept the error is fs.ErrNotExist.
func (h *host) AttemptLog(_ context.Context, job, stage string, attempt uint32) ([]byte, error) {
	if !plainName.MatchString(job) || !plainName.MatchString(stage) {
		return nil, fmt.Errorf("log of %q: %w", job+"/"+stage, fs.ErrNotExist)
	}
	root, err := os.OpenRoot(filepath.Join(h.file().Data, "attempts"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// The folder is the plugin's: what lies there may be a pipe.
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
