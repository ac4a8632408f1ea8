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
	err = s.update(func(tx *bbolt.Tx) error {
		runs := top(tx, bucketRuns)
		if previous, err = lastRun(tx); err != nil {
			return err
		}
		c, n := runs.b.Cursor(), 0
		var surplus [][]byte
		for key, _ := c.Last(); key != nil; key, _ = c.Prev() {
			if n++; n >= keptRuns {
				surplus = append(surplus, append([]byte(nil), key...))
			}
		}
		for _, key := range surplus {
			if err := runs.delete(key); err != nil {
				return err
			}
		}
		return runs.write([]byte(run.ID), run)
	})
	return previous, err
}

// lastRun returns the newest run; nil where there is none.
func lastRun(tx *bbolt.Tx) (*job.Run, error) {
	runs := top(tx, bucketRuns)
	key, _ := runs.b.Cursor().Last()
	if key == nil {
		return nil, nil
	}
	run, _, err := read[job.Run](runs, key)
	return &run, err
}

// End records that a run stopped in good order.
func (s *Store) End(id string, now time.Time) error {
	return s.update(func(tx *bbolt.Tx) error {
		runs := top(tx, bucketRuns)
		run, ok, err := read[job.Run](runs, []byte(id))
		if err != nil || !ok {
			return err
		}
		run.Stopped = now
		return runs.write([]byte(id), run)
	})
}

// Cursor returns how far a source has been read; nil at the very first start.
func (s *Store) Cursor(stage string) (*job.Cursor, error) {
	var found *job.Cursor
	err := s.db.View(func(tx *bbolt.Tx) error {
		c, ok, err := read[job.Cursor](top(tx, bucketCursors), []byte(stage))
		if ok {
			found = &c
		}
		return err
	})
	return found, err
}

// AddRequest stores what the operator asked for until a host runs.
func (s *Store) AddRequest(r job.Request) error {
	return s.update(func(tx *bbolt.Tx) (err error) {
		requests := top(tx, bucketRequests)
		if r.ID, err = nextNumber(tx, requests); err != nil {
			return err
		}
		return requests.write(be8(r.ID), r)
	})
}

// Requests returns the stored requests, the oldest first. They are removed by
// the Commit that deals with them.
func (s *Store) Requests() (requests []job.Request, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return each(top(tx, bucketRequests), func(_ []byte, r job.Request) error {
			requests = append(requests, r)
			return nil
		})
	})
	return requests, err
}
