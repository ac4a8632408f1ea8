package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// try makes one try of an event and records how it ended.
func (s *Sender) try(ctx context.Context, l lane, it *item) {
	now := time.Now()
	e, ok, err := s.store.Try(s.cfg.Reporter, it.seq, now)
	if err != nil {
		if s.pause(err, now) {
			s.cfg.Log.Error("a try cannot be recorded, so none is made", "error", err)
		}
		return
	}
	if !ok { // withdrawn, expired, or superseded
		s.forget(l, it)
		return
	}
	s.mu.Lock()
	it.tried = true
	s.remove(l, func(other *item) bool { return other.seq < it.seq && other.rank < it.rank })
	s.mu.Unlock()
	log := s.cfg.Log.With("event", e.Kind)
	if e.Block != nil {
		log = log.With("block", e.Block.Number)
	}
	failpoint.Hit(failpoint.Trying)
	s.running(e, true)
	d, err := s.send(ctx, log, e)
	defer s.discard(log, d)
	failpoint.Hit(failpoint.Delivered)
	s.running(e, false)
	if err != nil && ctx.Err() != nil {
		return // a later phase is sent instead, or the event is tried again after the next start
	}
	s.finish(ctx, log, l, it, e, d, err)
}

// delivery is a try that was made.
type delivery struct {
	dir       string
	result    contract.Result
	published []contract.Artifact // paths relative to the data directory
	kept      bool                // dir is kept with the job, because other events carry the published files
}

// discard removes the directory of a delivery unless it is kept.
func (s *Sender) discard(log *slog.Logger, d *delivery) {
	if d.dir == "" || d.kept {
		return
	}
	if err := s.files.Discard(d.dir); err != nil {
		log.Warn("directory of a report cannot be removed", "error", err)
	}
}

// finish records how a try ended.
func (s *Sender) finish(ctx context.Context, log *slog.Logger, l lane, it *item, e record.Event, d *delivery, err error) {
	now := time.Now()
	class := contract.ClassOf(err)
	switch {
	case err == nil:
		facts := record.BoundFacts(d.result.Facts)
		end := record.Settlement{Outcome: record.Sent, Facts: facts, At: now}
		if s.cfg.Accepted != nil {
			end.Causes = s.cfg.Accepted(e, facts, d.published, now)
			d.kept = slices.ContainsFunc(end.Causes, func(c record.Event) bool { return len(c.Outputs) > 0 })
		}
		if !s.settle(ctx, log, l, it, end) {
			return
		}
		failpoint.Hit(failpoint.Settled)
		s.decided(log, &s.state.Sent)
	case class == contract.ClassPermanent:
		reason := record.BoundText(err.Error(), record.MaxText)
		end := record.Settlement{Outcome: record.Rejected, Reason: reason, At: now}
		if s.cfg.Alerts != nil {
			end.Causes = s.cfg.Alerts(e, reason, now)
		}
		if !s.settle(ctx, log, l, it, end) {
			return
		}
		s.decided(log, &s.state.Rejected)
		log.Error("event rejected", "error", reason)
	default:
		s.deferTry(ctx, log, l, it, e, err, now)
	}
}

// decided counts an event that the reporter has accepted or rejected, and ends a pause.
func (s *Sender) decided(log *slog.Logger, count *uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*count++
	if s.pauses > 0 {
		log.Info("reporter works again")
	}
	s.state.Paused, s.pauses, s.paused = "", 0, time.Time{}
	s.release()
}

// deferTry records a failed try and when the next one is due.
func (s *Sender) deferTry(ctx context.Context, log *slog.Logger, l lane, it *item, e record.Event, err error, now time.Time) {
	wait, requested := nextTry(e.Tries, err)
	if contract.ClassOf(err) == contract.ClassEnvironment {
		if s.pause(err, now) {
			log.Warn("reporter is paused", "error", err)
		}
		// The event is not at fault, so it is due when the pause ends.
		s.mu.Lock()
		wait, requested = max(s.paused.Sub(now), 0), false
		s.mu.Unlock()
	} else {
		log.Warn("event not delivered", "try", e.Tries, "again_in", wait.Round(time.Second), "error", err)
	}
	s.mu.Lock()
	s.postpone(l, it, now.Add(wait), requested)
	superseded := s.lanes[l].superseded(it)
	s.mu.Unlock()
	if !superseded {
		s.record(ctx, log, func() error { return s.store.Defer(e.Reporter, e.Seq, now.Add(wait), err.Error()) })
	}
}

// settle records the end of an event and wakes the reporters of the events that follow
// from it. It reports whether that is recorded.
func (s *Sender) settle(ctx context.Context, log *slog.Logger, l lane, it *item, end record.Settlement) bool {
	if !s.record(ctx, log, func() error { return s.store.Settle(s.cfg.Reporter, it.seq, end) }) {
		return false
	}
	s.forget(l, it)
	if len(end.Causes) > 0 && s.cfg.Alerted != nil {
		s.cfg.Alerted()
	}
	return true
}

// record calls write until it succeeds or ctx ends, and reports whether it succeeded.
// When it does not, the event is sent once more after the next start.
func (s *Sender) record(ctx context.Context, log *slog.Logger, write func() error) bool {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := write()
		if err == nil {
			return true
		}
		log.Error("outcome of a report cannot be recorded", "error", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// send hands an event to the plugin. The delivery is never nil.
func (s *Sender) send(ctx context.Context, log *slog.Logger, e record.Event) (*delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	dir, linked, err := s.files.Event(e.Job, e.Reporter, e.Seq, e.Tries, e.Outputs, e.Additional)
	d := &delivery{dir: dir}
	if err != nil {
		return d, err
	}
	d.result, err = s.worker.Report(ctx, contract.Event{
		ID: fmt.Sprintf("%s-%d", e.Reporter, e.Seq), Kind: e.Kind, Pipeline: s.cfg.Pipeline, Stage: e.Stage,
		Time: e.At, Block: e.Block, Facts: e.Facts, Artifacts: linked, Dir: dir, Try: e.Tries,
	}, func(event contract.WorkEvent) error {
		if event.Publish == nil || e.Block == nil || s.cfg.Folder == nil {
			return nil
		}
		// These files are for people only, so a failure does not fail the delivery.
		accepted, durable, err := s.files.Accept(dir, []contract.Artifact{*event.Publish})
		if err == nil {
			err = durable()
		}
		if err == nil {
			d.published = append(d.published, accepted...)
			err = s.files.Publish(s.cfg.Folder(*e.Block), accepted)
		}
		if err != nil {
			log.Warn("what a reporter hands out cannot be published", "file", event.Publish.Name, "error", err)
		}
		return nil
	})
	return d, err
}

// running adds a try to the state of the sender when it begins, and removes it at its
// end.
func (s *Sender) running(e record.Event, begin bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Running = slices.DeleteFunc(s.state.Running, func(r Running) bool { return r.Job == e.Job && r.Kind == e.Kind })
	if begin && e.Block != nil {
		s.state.Running = append(s.state.Running, Running{Number: e.Block.Number, Job: e.Job, Kind: e.Kind, Try: e.Tries, Since: time.Now()})
	}
}
