package host

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/tick"
)

// Times of the log lines about the progress of the pipeline.
const (
	slowStart     = 5 * time.Second  // a stage that starts for longer is logged
	maxStartPause = 5 * time.Minute  // longest pause between two lines about starting stages
	idleEvery     = 10 * time.Minute // between two equal lines about the next target
	slot          = 12 * time.Second // between two blocks, until two heads were seen
)

// logStarting logs which stages are still starting: after slowStart and then in ever
// longer intervals, until ctx ends.
func (h *host) logStarting(ctx context.Context) {
	for pause := slowStart; ; pause = min(2*pause, maxStartPause) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		for _, s := range h.snapshot().Stages {
			if s.State != status.StageStarting || s.PID > 0 {
				continue
			}
			h.Log.Info("the stage is still starting: its plugin loads what it needs", "stage", s.Name,
				"plugin", s.Plugin, "for", time.Since(h.started).Round(time.Second))
		}
	}
}

// logProgress logs one line for each finished block, and the next target while there is
// nothing to do, until ctx ends.
func (h *host) logProgress(ctx context.Context) {
	p := progress{log: h.Log, nextTarget: h.nextTarget}
	for {
		snap := h.snapshot()
		p.finished(snap)
		p.idle(snap)
		select {
		case <-ctx.Done():
			p.finished(h.snapshot())
			return
		case <-tick.At(time.Second):
		}
	}
}

// nextTarget returns the first target after a block number; false when the selection has
// none.
func (h *host) nextTarget(head uint64) (uint64, bool) {
	t := h.file().Select.Targets
	if t.Every == 0 {
		return 0, false
	}
	n := head + 1
	if t.From != nil {
		n = max(n, *t.From)
	}
	n = (n + t.Every - 1) / t.Every * t.Every
	for range max(t.ShardCount, 1) {
		if t.Includes(n) {
			return n, true
		}
		n += t.Every
	}
	return 0, false
}

// progress holds what was logged already.
type progress struct {
	log        *slog.Logger
	nextTarget func(head uint64) (uint64, bool)
	seen       map[string]bool // the ends of jobs in the last snapshot

	head, firstHead         uint64
	headTime, firstHeadTime time.Time
	waiting                 string    // what the last line of idle says
	logged                  time.Time // when that line was logged
}

// finished logs the jobs that have finished since the last snapshot. It does not log jobs
// that finished before the start of the host.
func (p *progress) finished(snap status.Snapshot) {
	shown := map[string]bool{}
	for _, j := range slices.Backward(snap.Recent) {
		key := j.ID + j.Finished.String()
		shown[key] = true
		if !p.seen[key] && j.Finished.After(snap.Started) {
			p.logged = time.Time{} // the next target is logged again
			p.ended(j)
		}
	}
	p.seen = shown
}

// ended logs the end of one job.
func (p *progress) ended(j status.Job) {
	args := []any{"block", j.Block.Number, "took", j.Finished.Sub(j.Created).Round(time.Millisecond)}
	switch {
	case j.State == status.JobDone && j.ProvingMS > 0:
		p.log.Info("block proved", append(args, "proving_time", time.Duration(j.ProvingMS)*time.Millisecond)...)
	case j.State == status.JobDone:
		p.log.Info("block done", args...)
	default:
		p.log.Warn("block "+string(j.State), append(args, "reason", strings.Join(strings.Fields(j.Reason), " "))...)
	}
}

// idle logs the next target while there is no active job.
func (p *progress) idle(snap status.Snapshot) {
	if snap.Head == 0 || snap.Stopping {
		return
	}
	if snap.Head != p.head {
		p.head, p.headTime = snap.Head, snap.HeadTime
		if p.headTime.IsZero() {
			p.headTime = snap.Time
		}
		if p.firstHead == 0 {
			p.firstHead, p.firstHeadTime = p.head, p.headTime
		}
	}
	if snap.Counts.Active > 0 {
		p.waiting = ""
		return
	}
	for _, s := range snap.Stages {
		if s.Kind == contract.KindSource && s.Paused != "" {
			return // the engine logs the pause
		}
	}
	next, ok := p.nextTarget(snap.Head)
	text := "all blocks of the selection are done"
	if ok {
		text = fmt.Sprint("target ", next)
	}
	if text == p.waiting && snap.Time.Sub(p.logged) < idleEvery {
		return
	}
	p.waiting, p.logged = text, snap.Time
	if !ok {
		p.log.Info("nothing to do: " + text + "; blocks add queues more")
		return
	}
	p.log.Info("next target", "block", next, "head", snap.Head, "in_about", p.until(next, snap.Time).String())
}

// until estimates the time until a block is made. It uses the mean time between the heads
// that were seen, or the slots of Ethereum when these are too few.
func (p *progress) until(next uint64, now time.Time) time.Duration {
	pace := slot
	if seen := p.head - p.firstHead; p.head > p.firstHead && seen >= 2 {
		pace = p.headTime.Sub(p.firstHeadTime) / time.Duration(seen)
	}
	wait := p.headTime.Add(time.Duration(next-p.head) * pace).Sub(now)
	return max(wait, 0).Round(time.Second)
}
