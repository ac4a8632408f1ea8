package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// Recent returns up to limit finished jobs, the newest first.
func (s *Store) Recent(limit int) ([]*record.Job, error) { return s.History(limit) }

// History returns up to limit finished jobs in any of the given states, the newest
// first. Without states it returns jobs in every state. It does not read the records of
// jobs in other states.
func (s *Store) History(limit int, states ...status.JobState) (jobs []*record.Job, err error) {
	err = s.view(func(t tx) (err error) {
		history := top(t, bucketHistory)
		c := history.b.Cursor()
		for key, sealed := c.Last(); key != nil && len(jobs) < limit; key, sealed = c.Prev() {
			state, bad := history.unseal(key, sealed)
			if bad == nil && len(states) > 0 && !slices.Contains(states, status.JobState(state)) {
				continue
			}
			var j *record.Job
			if bad == nil {
				j, bad = job(t, key[8:])
			}
			if bad != nil {
				err = errors.Join(err, bad)
				continue
			}
			jobs = append(jobs, j)
		}
		return err
	})
	return jobs, err
}

// FinishedSince returns the jobs that finished at that time or later, the oldest first.
func (s *Store) FinishedSince(since time.Time) (jobs []*record.Job, err error) {
	err = s.view(func(t tx) error {
		return collect(t, top(t, bucketHistory), instant(since), nil, 8, &jobs)
	})
	return jobs, err
}

// Prune removes old finished jobs: failed jobs that finished before failed, and other
// jobs that finished before done. It removes at most limit jobs and returns their ids.
// It keeps a job that is open or has an event in an outbox. When there is nothing to
// remove it writes nothing.
func (s *Store) Prune(done, failed time.Time, limit int) (pruned []string, err error) {
	var old []*record.Job
	find := func(t tx) error {
		old, err = outdated(t, done, failed, limit)
		return err
	}
	if err := s.view(find); err != nil || len(old) == 0 {
		return nil, err
	}
	err = s.update(func(t tx) error {
		pruned = nil
		if err := find(t); err != nil { // once more, because jobs may have changed
			return err
		}
		for _, j := range old {
			if err := deleteJob(t, j); err != nil {
				return fmt.Errorf("job %s: %w", j.ID, err)
			}
			pruned = append(pruned, j.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pruned, nil
}

// outdated returns up to limit jobs that Prune may remove.
func outdated(t tx, done, failed time.Time, limit int) (old []*record.Job, err error) {
	newest := done
	if failed.After(done) {
		newest = failed
	}
	history := top(t, bucketHistory)
	c := history.b.Cursor()
	for key, sealed := c.First(); key != nil && bytes.Compare(key[:8], instant(newest)) < 0 && len(old) < limit; key, sealed = c.Next() {
		state, err := history.unseal(key, sealed)
		if err != nil {
			return nil, err
		}
		before := done
		if status.JobState(state) == status.JobFailed {
			before = failed
		}
		if bytes.Compare(key[:8], instant(before)) >= 0 || hasEvents(t, key[8:]) {
			continue
		}
		j, err := job(t, key[8:])
		if err != nil {
			return nil, err
		}
		if !j.Open() {
			old = append(old, j)
		}
	}
	return old, nil
}

// deleteJob removes every record of a job. It also removes the reached phases of its
// block number when no other job has that number.
func deleteJob(t tx, j *record.Job) error {
	id, number := []byte(j.ID), be8(j.Block.Number)
	for _, step := range []struct{ bucket, key []byte }{
		{bucketJobs, id}, {bucketActive, id}, {bucketHistory, historyKey(j)}, {bucketNumbers, numberKey(j)},
	} {
		if err := top(t, step.bucket).delete(step.key); err != nil {
			return err
		}
	}
	if err := top(t, bucketReports).deleteChild(id); err != nil {
		return err
	}
	if key, _ := t.Bucket(bucketNumbers).Cursor().Seek(number); bytes.HasPrefix(key, number) {
		return nil
	}
	return top(t, bucketReached).eachChild(func(_ []byte, reached bucket) error {
		for {
			key, _ := reached.b.Cursor().Seek(number)
			if !bytes.HasPrefix(key, number) {
				return nil
			}
			if err := reached.delete(bytes.Clone(key)); err != nil {
				return err
			}
		}
	})
}

// Releasable returns those of the given jobs whose files are not needed any more. Such a
// job has no event in an outbox. It either has no record, or it is not open and did not
// fail at failedBefore or later. The answer holds only until the next change, so a caller
// that removes files asks about a few jobs and removes their files at once. A job whose
// record cannot be read is not returned, and the error names it.
func (s *Store) Releasable(ids []string, failedBefore time.Time) (free []string, err error) {
	err = s.view(func(t tx) (err error) {
		for _, id := range ids {
			if hasEvents(t, []byte(id)) {
				continue
			}
			j, bad := job(t, []byte(id))
			switch {
			case errors.Is(bad, record.ErrNotFound):
			case bad != nil:
				err = errors.Join(err, bad)
				continue
			case j.Open(), j.State == status.JobFailed && !j.Finished.Before(failedBefore):
				continue
			}
			free = append(free, id)
		}
		return err
	})
	return free, err
}
