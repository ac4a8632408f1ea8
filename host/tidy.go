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

// Limits of tidy.
const (
	tidyEvery    = 30 * time.Second
	orphanAge    = 10 * time.Minute // age from which files without a record are removed
	releaseBatch = 16               // jobs whose files are removed after one query of the checkpoint
	pruneBatch   = 500              // records that one round removes
)

// tidy removes what is not needed any more, until ctx ends: old records, and the files of
// finished jobs whose events are all settled. The files of failed jobs are kept for a
// while, so that the failure can be reproduced.
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

// release removes the files of jobs that are not needed any more. After an error it goes
// on with the other jobs.
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
		// The files are removed at once after the query. A job that finishes in between is
		// not among the results.
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

// releaseRequests removes the files of requests that were carried out or dropped.
func (h *host) releaseRequests(now time.Time) error {
	found, err := h.files.Requests()
	if err != nil {
		return err
	}
	requests, err := h.store.Requests()
	if err != nil {
		return err // a request that cannot be read may need any of the files
	}
	for id, changed := range found {
		needed := slices.ContainsFunc(requests, func(r record.Request) bool { return strings.Contains(r.Input, "/"+id+"/") })
		if !needed && now.Sub(changed) >= orphanAge {
			err = errors.Join(err, h.files.ReleaseRequest(id))
		}
	}
	return err
}

// expire removes the published folders that are older than keep.output and whose jobs are
// not open.
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

// unknown reports whether there is no record of the job, or none yet.
func (h *host) unknown(id string) bool {
	_, err := h.store.Job(id)
	return err != nil
}
