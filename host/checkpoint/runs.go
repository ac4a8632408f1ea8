package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/proofline/proofline/host/record"
)

// keptRuns is the number of runs that are kept.
const keptRuns = 50

// Begin records a new run of the host and assigns its Seq. It returns the run before it,
// or nil at the first start. A previous run whose Stopped is zero ended in a crash.
func (s *Store) Begin(run record.Run) (previous *record.Run, err error) {
	err = s.update(func(t tx) error {
		runs := top(t, bucketRuns)
		if previous, err = lastRun(t); err != nil && !errors.Is(err, record.ErrNotFound) {
			return err
		}
		if run.Seq, err = nextNumber(t, runs); err != nil {
			return err
		}
		if run.Seq > keptRuns {
			if err := runs.delete(be8(run.Seq - keptRuns)); err != nil {
				return err
			}
		}
		return runs.write(be8(run.Seq), run)
	})
	return previous, err
}

// LastRun returns the newest run, or record.ErrNotFound before the first.
func (s *Store) LastRun() (run *record.Run, err error) {
	err = s.view(func(t tx) error {
		run, err = lastRun(t)
		return err
	})
	return run, err
}

// lastRun returns the newest run, or record.ErrNotFound.
func lastRun(t tx) (*record.Run, error) {
	runs := top(t, bucketRuns)
	key, _ := runs.b.Cursor().Last()
	if key == nil {
		return nil, fmt.Errorf("a run before this one: %w", record.ErrNotFound)
	}
	run, _, err := read[record.Run](runs, key)
	return &run, err
}

// End records that a run stopped without a crash.
func (s *Store) End(id string, now time.Time) error {
	return s.update(func(t tx) error {
		runs := top(t, bucketRuns)
		c := runs.b.Cursor()
		for key, sealed := c.Last(); key != nil; key, sealed = c.Prev() {
			run, err := decode[record.Run](runs, key, sealed)
			if err != nil {
				return err
			}
			if run.ID == id {
				run.Stopped = now
				return runs.write(key, run)
			}
		}
		return fmt.Errorf("run %s: %w", id, record.ErrNotFound)
	})
}

// Cursor returns the cursor of a source, or record.ErrNotFound before its first poll.
func (s *Store) Cursor(stage string) (*record.Cursor, error) {
	var found record.Cursor
	err := s.view(func(t tx) (err error) {
		var ok bool
		if found, ok, err = read[record.Cursor](top(t, bucketCursors), []byte(stage)); err == nil && !ok {
			err = fmt.Errorf("cursor of stage %s: %w", stage, record.ErrNotFound)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &found, nil
}

// AddRequests stores requests until a host runs, all of them or none, and sets their
// ids.
func (s *Store) AddRequests(added []record.Request) error {
	return s.update(func(t tx) (err error) {
		requests := top(t, bucketRequests)
		for i := range added {
			if added[i].ID, err = nextNumber(t, requests); err != nil {
				return err
			}
			if err := requests.write(be8(added[i].ID), added[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// RequestError is a stored request that cannot be read. DropRequests removes it.
type RequestError struct {
	ID  uint64
	Err error
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("request %d cannot be read: %v", e.ID, e.Err)
}

func (e *RequestError) Unwrap() error { return e.Err }

// Requests returns the stored requests, the oldest first. A Commit or DropRequests
// removes them. The error contains a RequestError for each request that cannot be read.
func (s *Store) Requests() (requests []record.Request, err error) {
	err = s.view(func(t tx) (err error) {
		b := top(t, bucketRequests)
		c := b.b.Cursor()
		for key, sealed := c.First(); key != nil; key, sealed = c.Next() {
			r, bad := decode[record.Request](b, key, sealed)
			if bad != nil {
				err = errors.Join(err, &RequestError{ID: binary.BigEndian.Uint64(key), Err: bad})
				continue
			}
			requests = append(requests, r)
		}
		return err
	})
	return requests, err
}

// DropRequests removes stored requests, whether they can be read or not. It ignores
// unknown ids.
func (s *Store) DropRequests(ids []uint64) error {
	return s.update(func(t tx) error { return dropRequests(t, ids) })
}

// dropRequests does the same in a transaction.
func dropRequests(t tx, ids []uint64) error {
	for _, id := range ids {
		if err := top(t, bucketRequests).delete(be8(id)); err != nil {
			return err
		}
	}
	return nil
}
