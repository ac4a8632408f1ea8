package checkpoint

import (
	"bytes"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
)

// Commit writes a change in one transaction. Events get their Seq set.
func (s *Store) Commit(change job.Change) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, id := range change.Unsend {
			if err := unsend(tx, id); err != nil {
				return fmt.Errorf("job %s: remove unsent events: %w", id, err)
			}
		}
		for _, j := range change.Jobs {
			if err := putJob(tx, j); err != nil {
				return fmt.Errorf("job %s: %w", j.ID, err)
			}
		}
		for i := range change.Events {
			if err := appendEvent(tx, &change.Events[i]); err != nil {
				return fmt.Errorf("event %s of job %s: %w", change.Events[i].Kind, change.Events[i].Job, err)
			}
		}
		if c := change.Cursor; c != nil {
			if err := put(tx.Bucket(bucketCursors), []byte(c.Stage), c); err != nil {
				return fmt.Errorf("cursor of stage %s: %w", c.Stage, err)
			}
		}
		for _, id := range change.Requests {
			if err := tx.Bucket(bucketRequests).Delete(be8(id)); err != nil {
				return err
			}
		}
		failpoint.Hit(failpoint.Committing)
		return nil
	})
}

func putJob(tx *bbolt.Tx, j *job.Job) error {
	jobs, id := tx.Bucket(bucketJobs), []byte(j.ID)
	before, existed, err := get[job.Job](jobs, id)
	if err != nil {
		return err
	}
	if existed && before.State.Finished() {
		if err := tx.Bucket(bucketHistory).Delete(historyKey(&before)); err != nil {
			return err
		}
	}
	if err := put(jobs, id, j); err != nil {
		return err
	}
	if err := tx.Bucket(bucketNumbers).Put(append(be8(j.Block.Number), id...), nil); err != nil {
		return err
	}
	if j.State.Finished() {
		if err := tx.Bucket(bucketActive).Delete(id); err != nil {
			return err
		}
		return tx.Bucket(bucketHistory).Put(historyKey(j), []byte(j.State))
	}
	return tx.Bucket(bucketActive).Put(id, nil)
}

func historyKey(j *job.Job) []byte {
	return append(be8(uint64(j.Finished.UnixNano())), j.ID...)
}

// Active returns the jobs that are not finished, in no particular order.
func (s *Store) Active() (jobs []*job.Job, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketActive).ForEach(func(id, _ []byte) error {
			j, ok, err := get[job.Job](tx.Bucket(bucketJobs), id)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("job %s is listed as active but has no record", id)
			}
			jobs = append(jobs, &j)
			return nil
		})
	})
	return jobs, err
}

// Job returns the record of a job; nil where there is none.
func (s *Store) Job(id string) (*job.Job, error) {
	var found *job.Job
	err := s.db.View(func(tx *bbolt.Tx) error {
		j, ok, err := get[job.Job](tx.Bucket(bucketJobs), []byte(id))
		if ok {
			found = &j
		}
		return err
	})
	return found, err
}

// ByNumber returns every job of a block number: after a reorg there are several.
func (s *Store) ByNumber(number uint64) (jobs []*job.Job, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		prefix := be8(number)
		c := tx.Bucket(bucketNumbers).Cursor()
		for key, _ := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = c.Next() {
			j, ok, err := get[job.Job](tx.Bucket(bucketJobs), key[8:])
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

// Recent returns up to limit finished jobs, the newest first.
func (s *Store) Recent(limit int) (jobs []*job.Job, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketHistory).Cursor()
		for key, _ := c.Last(); key != nil && len(jobs) < limit; key, _ = c.Prev() {
			j, ok, err := get[job.Job](tx.Bucket(bucketJobs), key[8:])
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
func (s *Store) Prune(done, failed time.Time, limit int) (pruned []string, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		owing, err := owingJobs(tx)
		if err != nil {
			return err
		}
		var old []*job.Job
		newest := be8(uint64(max(done.UnixNano(), failed.UnixNano())))
		c := tx.Bucket(bucketHistory).Cursor()
		for key, state := c.First(); key != nil && bytes.Compare(key[:8], newest) < 0 && len(old) < limit; key, state = c.Next() {
			before := done
			if status.JobState(state) == status.JobFailed {
				before = failed
			}
			if bytes.Compare(key[:8], be8(uint64(before.UnixNano()))) >= 0 || owing[string(key[8:])] {
				continue
			}
			j, ok, err := get[job.Job](tx.Bucket(bucketJobs), key[8:])
			if err != nil {
				return err
			}
			if ok {
				old = append(old, &j)
			}
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

// forget removes every trace of a job, and the phases reached of its number
// where no other job has it.
func forget(tx *bbolt.Tx, j *job.Job) error {
	id, number := []byte(j.ID), be8(j.Block.Number)
	for _, step := range []struct{ bucket, key []byte }{
		{bucketJobs, id}, {bucketActive, id}, {bucketHistory, historyKey(j)},
		{bucketNumbers, append(bytes.Clone(number), id...)},
	} {
		if err := tx.Bucket(step.bucket).Delete(step.key); err != nil {
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
	reached := tx.Bucket(bucketReached)
	return reached.ForEachBucket(func(reporter []byte) error {
		return reached.Bucket(reporter).Delete(number)
	})
}
