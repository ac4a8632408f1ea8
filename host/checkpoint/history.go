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

// History returns up to limit finished jobs in any of the states, or in whatever
// state where none is given, the newest first. Jobs in other states cost next to
// nothing.
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

// FinishedSince returns the jobs that came to their end at that time or later,
// in that order.
func (s *Store) FinishedSince(since time.Time) (jobs []*record.Job, err error) {
	err = s.view(func(t tx) error {
		return collect(t, top(t, bucketHistory), instant(since), nil, 8, &jobs)
	})
	return jobs, err
}

// Prune forgets finished jobs of the past: done, dropped and cancelled ones that
// ended before done, failed ones that ended before failed. It removes at most
// limit of them, returns their ids, and keeps a job that is open or owes an
// event. Where there are none it writes nothing.
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
		if err := find(t); err != nil { // as it is now
			return err
		}
		for _, j := range old {
			if err := forget(t, j); err != nil {
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

// outdated returns up to limit jobs that Prune may forget.
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
		if bytes.Compare(key[:8], instant(before)) >= 0 || owes(t, key[8:]) {
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

// forget removes every trace of a job, and the phases reached of its number
// where no other job has it.
func forget(t tx, j *record.Job) error {
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

// Releasable returns those of the jobs whose files nobody needs at this instant:
// there is no record of the job, or it is not open, owes no event, and did not
// fail at failedBefore or later. The answer is good until the next change, so who
// removes files asks for a few jobs and removes theirs at once. A job whose record
// cannot be read is not returned, and is named in the error.
func (s *Store) Releasable(ids []string, failedBefore time.Time) (free []string, err error) {
	err = s.view(func(t tx) (err error) {
		for _, id := range ids {
			if owes(t, []byte(id)) {
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
