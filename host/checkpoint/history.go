package checkpoint

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
)

// Recent returns up to limit finished jobs, the newest first.
func (s *Store) Recent(limit int) ([]*job.Job, error) { return s.History(limit) }

// History returns up to limit finished jobs in any of the states, or in whatever
// state where none is given, the newest first. Jobs in other states cost next to
// nothing.
func (s *Store) History(limit int, states ...status.JobState) (jobs []*job.Job, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		history := top(tx, bucketHistory)
		c := history.b.Cursor()
		for key, sealed := c.Last(); key != nil && len(jobs) < limit; key, sealed = c.Prev() {
			state, err := history.unseal(key, sealed)
			if err != nil {
				return err
			}
			if len(states) > 0 && !slices.Contains(states, status.JobState(state)) {
				continue
			}
			j, ok, err := read[job.Job](top(tx, bucketJobs), key[8:])
			if err != nil {
				return err
			}
			if ok {
				jobs = append(jobs, &j)
			}
		}
		return nil
	})
	return jobs, err
}

// FinishedSince returns the jobs that came to their end at that time or later,
// in that order.
func (s *Store) FinishedSince(since time.Time) (jobs []*job.Job, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		history := top(tx, bucketHistory)
		c := history.b.Cursor()
		for key, sealed := c.Seek(be8(uint64(max(since.UnixNano(), 0)))); key != nil; key, sealed = c.Next() {
			if _, err := history.unseal(key, sealed); err != nil {
				return err
			}
			j, ok, err := read[job.Job](top(tx, bucketJobs), key[8:])
			if err != nil {
				return err
			}
			if ok {
				jobs = append(jobs, &j)
			}
		}
		return nil
	})
	return jobs, err
}

// Prune forgets finished jobs of the past: done, dropped and cancelled ones that
// ended before done, failed ones that ended before failed. It removes at most
// limit of them, returns their ids, and keeps a job that still owes an event.
// Where there are none it writes nothing.
func (s *Store) Prune(done, failed time.Time, limit int) (pruned []string, err error) {
	var old []*job.Job
	find := func(tx *bbolt.Tx) error {
		old, err = outdated(tx, done, failed, limit)
		return err
	}
	if err := s.db.View(find); err != nil || len(old) == 0 {
		return nil, err
	}
	err = s.update(func(tx *bbolt.Tx) error {
		pruned = nil
		if err := find(tx); err != nil { // as it is now
			return err
		}
		for _, j := range old {
			if err := forget(tx, j); err != nil {
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
func outdated(tx *bbolt.Tx, done, failed time.Time, limit int) (old []*job.Job, err error) {
	owing, err := owingJobs(tx)
	if err != nil {
		return nil, err
	}
	newest := be8(uint64(max(done.UnixNano(), failed.UnixNano())))
	history := top(tx, bucketHistory)
	c := history.b.Cursor()
	for key, sealed := c.First(); key != nil && bytes.Compare(key[:8], newest) < 0 && len(old) < limit; key, sealed = c.Next() {
		state, err := history.unseal(key, sealed)
		if err != nil {
			return nil, err
		}
		before := done
		if status.JobState(state) == status.JobFailed {
			before = failed
		}
		if bytes.Compare(key[:8], be8(uint64(before.UnixNano()))) >= 0 || owing[string(key[8:])] {
			continue
		}
		j, ok, err := read[job.Job](top(tx, bucketJobs), key[8:])
		if err != nil {
			return nil, err
		}
		if ok {
			old = append(old, &j)
		}
	}
	return old, nil
}

// forget removes every trace of a job, and the phases reached of its number
// where no other job has it.
func forget(tx *bbolt.Tx, j *job.Job) error {
	id, number := []byte(j.ID), be8(j.Block.Number)
	for _, step := range []struct{ bucket, key []byte }{
		{bucketJobs, id}, {bucketActive, id}, {bucketHistory, historyKey(j)}, {bucketNumbers, numberKey(j)},
	} {
		if err := top(tx, step.bucket).delete(step.key); err != nil {
			return err
		}
	}
	if reports := tx.Bucket(bucketReports); reports.Bucket(id) != nil {
		if err := reports.DeleteBucket(id); err != nil {
			return err
		}
	}
	if key, _ := tx.Bucket(bucketNumbers).Cursor().Seek(number); bytes.HasPrefix(key, number) {
		return nil
	}
	return top(tx, bucketReached).eachChild(func(_ []byte, reached bucket) error { return reached.delete(number) })
}
