package checkpoint

import (
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/job"
)

// keptRuns is how many runs are remembered.
const keptRuns = 50

// Begin records a new life of the host and returns the one before it, if any. A
// run whose Stopped is zero ended in a crash. Run ids sort by time.
func (s *Store) Begin(run job.Run) (previous *job.Run, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		runs := tx.Bucket(bucketRuns)
		c := runs.Cursor()
		if key, _ := c.Last(); key != nil {
			last, _, err := get[job.Run](runs, key)
			if err != nil {
				return err
			}
			previous = &last
		}
		n := 0
		var surplus [][]byte
		for key, _ := c.Last(); key != nil; key, _ = c.Prev() {
			if n++; n >= keptRuns {
				surplus = append(surplus, append([]byte(nil), key...))
			}
		}
		for _, key := range surplus {
			if err := runs.Delete(key); err != nil {
				return err
			}
		}
		return put(runs, []byte(run.ID), run)
	})
	return previous, err
}

// End records that a run stopped in good order.
func (s *Store) End(id string, now time.Time) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		runs := tx.Bucket(bucketRuns)
		run, ok, err := get[job.Run](runs, []byte(id))
		if err != nil || !ok {
			return err
		}
		run.Stopped = now
		return put(runs, []byte(id), run)
	})
}

// Cursor returns how far a source has been read; nil at the very first start.
func (s *Store) Cursor(stage string) (*job.Cursor, error) {
	var found *job.Cursor
	err := s.db.View(func(tx *bbolt.Tx) error {
		c, ok, err := get[job.Cursor](tx.Bucket(bucketCursors), []byte(stage))
		if ok {
			found = &c
		}
		return err
	})
	return found, err
}

// AddRequest stores what the operator asked for until a host runs.
func (s *Store) AddRequest(r job.Request) error {
	return s.db.Update(func(tx *bbolt.Tx) (err error) {
		requests := tx.Bucket(bucketRequests)
		if r.ID, err = requests.NextSequence(); err != nil {
			return err
		}
		return put(requests, be8(r.ID), r)
	})
}

// Requests returns the stored requests, the oldest first. They are removed by
// the Commit that deals with them.
func (s *Store) Requests() (requests []job.Request, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketRequests)
		return b.ForEach(func(key, _ []byte) error {
			r, _, err := get[job.Request](b, key)
			requests = append(requests, r)
			return err
		})
	})
	return requests, err
}
