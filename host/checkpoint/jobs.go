package checkpoint

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/job"
)

// Commit writes a change in one transaction. Events get their Seq set.
func (s *Store) Commit(change job.Change) error {
	return s.update(func(tx *bbolt.Tx) error {
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
			if err := top(tx, bucketCursors).write([]byte(c.Stage), c); err != nil {
				return fmt.Errorf("cursor of stage %s: %w", c.Stage, err)
			}
		}
		for _, id := range change.Requests {
			if err := top(tx, bucketRequests).delete(be8(id)); err != nil {
				return err
			}
		}
		failpoint.Hit(failpoint.Committing)
		return nil
	})
}

func putJob(tx *bbolt.Tx, j *job.Job) error {
	jobs, id := top(tx, bucketJobs), []byte(j.ID)
	before, existed, err := read[job.Job](jobs, id)
	if err != nil {
		return err
	}
	if existed && before.State.Finished() {
		if err := top(tx, bucketHistory).delete(historyKey(&before)); err != nil {
			return err
		}
	}
	if err := jobs.write(id, j); err != nil {
		return err
	}
	if !existed {
		if err := top(tx, bucketNumbers).put(numberKey(j), nil); err != nil {
			return err
		}
	}
	if j.State.Finished() {
		if err := top(tx, bucketActive).delete(id); err != nil {
			return err
		}
		return top(tx, bucketHistory).put(historyKey(j), []byte(j.State))
	}
	return top(tx, bucketActive).put(id, nil)
}

func numberKey(j *job.Job) []byte { return append(be8(j.Block.Number), j.ID...) }

func historyKey(j *job.Job) []byte {
	return append(be8(uint64(j.Finished.UnixNano())), j.ID...)
}

// Active returns the jobs that are not finished, in no particular order.
func (s *Store) Active() (jobs []*job.Job, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return top(tx, bucketActive).b.ForEach(func(id, _ []byte) error {
			j, ok, err := read[job.Job](top(tx, bucketJobs), id)
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
		j, ok, err := read[job.Job](top(tx, bucketJobs), []byte(id))
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
		c := top(tx, bucketNumbers).b.Cursor()
		for key, _ := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = c.Next() {
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
