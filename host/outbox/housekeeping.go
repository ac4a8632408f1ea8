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
	// overdueFor is how long an event must have been overdue in this run, by a
	// clock that nobody sets, before it expires. A wall clock that jumps by a week
	// expires nothing that can still be delivered.
	overdueFor = time.Hour
	lookEvery  = 10 * time.Minute
)

// OverdueStore is the durable side of Housekeeping.
type OverdueStore interface {
	// Overdue returns the events of every outbox that expired at now or before.
	Overdue(now time.Time) ([]record.Event, error)
	// Waiting returns how many events wait for each reporter.
	Waiting() (map[string]int, error)
	Settle(reporter string, seq uint64, end record.Settlement) error
}

// Housekeeping ends the events that were not delivered in time, of every outbox:
// also of reporters whose plugin is away, and of those that the pipeline does not
// have any more.
type Housekeeping struct {
	store     OverdueStore
	reporters func() []string // of the pipeline, at this instant
	log       *slog.Logger
	overdue   map[event]time.Time // since when
}

type event struct {
	reporter string
	seq      uint64
}

// NewHousekeeping returns a Housekeeping; Run makes it work. reporters returns the
// names of the pipeline's; it is called from one goroutine.
func NewHousekeeping(store OverdueStore, reporters func() []string, log *slog.Logger) *Housekeeping {
	return &Housekeeping{store: store, reporters: reporters, log: log, overdue: map[event]time.Time{}}
}

// Run says which events wait for reporters that the pipeline does not have, and
// ends what is overdue until ctx ends.
func (k *Housekeeping) Run(ctx context.Context) {
	waiting, err := k.store.Waiting()
	if err != nil {
		k.log.Error("outboxes cannot be read", "error", err)
	}
	for _, reporter := range slices.Sorted(maps.Keys(waiting)) {
		if !slices.Contains(k.reporters(), reporter) {
			k.log.Warn("events wait for a reporter that the pipeline does not have; put it back, or they end after their lifetime",
				"reporter", reporter, "events", waiting[reporter])
		}
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		k.look(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look ends the events that have been overdue for long enough.
func (k *Housekeeping) look(now time.Time) {
	events, err := k.store.Overdue(now)
	if err != nil {
		k.log.Error("overdue events cannot be read", "error", err) // and those that can be go on
	}
	since, ended, last := map[event]time.Time{}, map[string]int{}, map[string]string{}
	for _, e := range events {
		id := event{e.Reporter, e.Seq}
		first, known := k.overdue[id]
		if !known {
			first = now
		}
		if now.Sub(first) < overdueFor {
			since[id] = first
			continue
		}
		if err := k.store.Settle(e.Reporter, e.Seq, k.end(e, now)); err != nil {
			k.log.Error("an overdue event cannot be ended", "reporter", e.Reporter, "error", err)
			since[id] = first
			continue
		}
		ended[e.Reporter]++
		last[e.Reporter] = e.Error
	}
	k.overdue = since // who is not overdue any more begins anew
	for _, reporter := range slices.Sorted(maps.Keys(ended)) {
		k.log.Error("events expired undelivered", "reporter", reporter, "events", ended[reporter], "last_error", last[reporter])
	}
}

func (k *Housekeeping) end(e record.Event, now time.Time) record.Settlement {
	if !slices.Contains(k.reporters(), e.Reporter) {
		return record.Settlement{Outcome: record.Unclaimed, Reason: "the pipeline has no reporter " + e.Reporter + " any more", At: now}
	}
	reason := "not delivered in time"
	if e.Error != "" {
		reason += ": " + e.Error
	}
	return record.Settlement{Outcome: record.Expired, Reason: reason, At: now}
}
