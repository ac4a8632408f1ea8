package checkpoint

import (
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/job"
)

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
