package host

import (
	"context"
	"time"

	"github.com/proofline/proofline/host/status"
)

// Of the tidying.
const (
	tidyEvery  = 30 * time.Second
	orphanAge  = 10 * time.Minute // files without a record may become a job's
	pruneBatch = 500
)

// tidy removes what nobody needs any more: the files of finished jobs once every
// reporter has taken their events, and old records. A failed job's files stay
// for a while: they are what a report of the fault needs.
func (h *host) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if err := h.tidyOnce(time.Now()); err != nil {
			h.Log.Warn("old files or records could not be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *host) tidyOnce(now time.Time) error {
	ids, err := h.files.Jobs()
	if err != nil {
		return err
	}
	owing, err := h.store.Owing()
	if err != nil {
		return err
	}
	for id, modified := range ids {
		if id == "alerts" || id == "requests" || owing[id] {
			continue
		}
		rec, err := h.store.Job(id)
		if err != nil {
			return err
		}
		if rec != nil && (!rec.State.Finished() || rec.State == status.JobFailed && now.Sub(rec.Finished) < h.Pipeline.Keep.Files) {
			continue
		}
		if rec == nil && now.Sub(modified) < orphanAge {
			continue // it may be about to become a job
		}
		if err := h.files.Release(id); err != nil {
			return err
		}
	}
	_, err = h.store.Prune(now.Add(-h.Pipeline.Keep.History), now.Add(-h.Pipeline.Keep.Failed), pruneBatch)
	return err
}
