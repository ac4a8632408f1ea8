package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
)

// Of the tidying.
const (
	tidyEvery    = 30 * time.Second
	orphanAge    = 10 * time.Minute // files without a record may become a job's
	releaseBatch = 16               // jobs whose files go on one decision
	pruneBatch   = 500
)

// tidy removes what nobody needs any more: the files of finished jobs once every
// reporter has taken their events, and old records. A failed job's files stay
// for a while: they are what a report of the fault needs.
func (h *host) tidy(ctx context.Context) {
	tick := time.NewTicker(failpoint.Period(failpoint.TidyEvery, tidyEvery))
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

// tidyOnce removes what can be removed now.
func (h *host) tidyOnce(now time.Time) error {
	released := errors.Join(h.release(now, h.files.Release), h.releaseRequests(now), h.expire(now))
	_, err := h.store.Prune(now.Add(-h.file().Keep.History), now.Add(-h.file().Keep.Failed), pruneBatch)
	return errors.Join(released, err)
}

// release removes the files of jobs that nobody needs. What cannot be removed holds
// up nothing else.
func (h *host) release(now time.Time, remove func(job string) error) error {
	found, err := h.files.Jobs()
	if err != nil {
		return err
	}
	var errs []error
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(found)), releaseBatch) {
		ids = slices.DeleteFunc(ids, func(id string) bool {
			return id == artifact.ForAlerts || id == artifact.ForRequests || now.Sub(found[id]) < orphanAge && h.unknown(id)
		})
		// Decided on the records of this instant, and acted upon at once: a job that
		// ends meanwhile was not among what may go.
		free, err := h.store.Releasable(ids, now.Add(-h.file().Keep.Files))
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for _, id := range free {
			if err := remove(id); err != nil {
				errs = append(errs, fmt.Errorf("files of job %s: %w", id, err))
			}
		}
	}
	return errors.Join(errs...)
}

// releaseRequests removes the files of requests that have been taken up or dropped.
func (h *host) releaseRequests(now time.Time) error {
	found, err := h.files.Requests()
	if err != nil {
		return err
	}
	requests, err := h.store.Requests()
	if err != nil {
		return err // one that cannot be read may need any of the files
	}
	for id, changed := range found {
		needed := slices.ContainsFunc(requests, func(r record.Request) bool { return strings.Contains(r.Input, "/"+id+"/") })
		if !needed && now.Sub(changed) >= orphanAge {
			err = errors.Join(err, h.files.ReleaseRequest(id))
		}
	}
	return err
}

// expire removes the published folders of blocks that are older than the file wants
// to keep them and on which nobody works.
func (h *host) expire(now time.Time) error {
	if h.file().Keep.Output <= 0 {
		return nil
	}
	folders, err := h.files.Expired(now.Add(-h.file().Keep.Output))
	for folder, number := range folders {
		jobs, bad := h.store.ByNumber(number)
		if bad == nil && !slices.ContainsFunc(jobs, (*record.Job).Open) {
			bad = h.files.Unpublish(folder)
		}
		err = errors.Join(err, bad)
	}
	return err
}

// unknown reports whether there is no record of the job (yet).
func (h *host) unknown(id string) bool {
	_, err := h.store.Job(id)
	return err != nil
}
