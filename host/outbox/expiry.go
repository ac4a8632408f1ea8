package outbox

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
)

const (
	// overdueFor is how long an event must have been overdue in this run, by the
	// monotonic clock, before it expires. So a wall clock that jumps by a week expires no
	// event that can still be delivered.
	overdueFor = time.Hour
	// expireEvery is the time between two searches for overdue events.
	expireEvery = 10 * time.Minute
)

// OverdueStore is what Expiry needs of the checkpoint.
type OverdueStore interface {
	// Overdue returns the events of every outbox that expired at now or before.
	Overdue(now time.Time) ([]record.Event, error)
	// Waiting returns the number of waiting events of each reporter.
	Waiting() (map[string]int, error)
	// Settle removes an event and records its outcome.
	Settle(reporter string, seq uint64, end record.Settlement) error
}

// Expiry settles the events that were not delivered in time. It covers every outbox,
// also those of reporters whose plugin does not run and of reporters that the pipeline
// does not have any more.
type Expiry struct {
	store     OverdueStore
	reporters func() []string
	log       *slog.Logger
	overdue   map[eventID]time.Time // when each overdue event was first seen
}

// eventID identifies an event.
type eventID struct {
	reporter string
	seq      uint64
}

// NewExpiry returns an Expiry; Run makes it work. reporters returns the current names of
// the pipeline's reporters. It is called from the goroutine of Run.
func NewExpiry(store OverdueStore, reporters func() []string, log *slog.Logger) *Expiry {
	return &Expiry{store: store, reporters: reporters, log: log, overdue: map[eventID]time.Time{}}
}

// Run logs which events wait for reporters that the pipeline does not have. Then it
// settles overdue events until ctx ends.
func (x *Expiry) Run(ctx context.Context) {
	waiting, err := x.store.Waiting()
	if err != nil {
		x.log.Error("outboxes cannot be read", "error", err)
	}
	for _, reporter := range slices.Sorted(maps.Keys(waiting)) {
		if !slices.Contains(x.reporters(), reporter) {
			x.log.Warn("events wait for a reporter that the pipeline does not have; put it back, or they end after their lifetime",
				"reporter", reporter, "events", waiting[reporter])
		}
	}
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		x.expire(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// expire settles the events that have been overdue for at least overdueFor.
func (x *Expiry) expire(now time.Time) {
	events, err := x.store.Overdue(now)
	if err != nil {
		x.log.Error("overdue events cannot be read", "error", err) // the readable ones are in events
	}
	// The last two hold the number of expired events and the last error, by reporter.
	since, expired, last := map[eventID]time.Time{}, map[string]int{}, map[string]string{}
	for _, e := range events {
		id := eventID{e.Reporter, e.Seq}
		first, known := x.overdue[id]
		if !known {
			first = now
		}
		if now.Sub(first) < overdueFor {
			since[id] = first
			continue
		}
		if err := x.store.Settle(e.Reporter, e.Seq, x.settlement(e, now)); err != nil {
			x.log.Error("an overdue event cannot be ended", "reporter", e.Reporter, "error", err)
			since[id] = first
			continue
		}
		expired[e.Reporter]++
		last[e.Reporter] = e.Error
	}
	x.overdue = since
	for _, reporter := range slices.Sorted(maps.Keys(expired)) {
		x.log.Error("events expired undelivered", "reporter", reporter, "events", expired[reporter], "last_error", last[reporter])
	}
}

// settlement returns how an expired event ends.
func (x *Expiry) settlement(e record.Event, now time.Time) record.Settlement {
	if !slices.Contains(x.reporters(), e.Reporter) {
		return record.Settlement{Outcome: record.Unclaimed, Reason: "the pipeline has no reporter " + e.Reporter + " any more", At: now}
	}
	reason := "not delivered in time"
	if e.Error != "" {
		reason += ": " + e.Error
	}
	return record.Settlement{Outcome: record.Expired, Reason: reason, At: now}
}
