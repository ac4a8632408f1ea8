package checkpoint

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
)

func appendEvent(tx *bbolt.Tx, e *job.Event) error {
	box, err := tx.Bucket(bucketOutbox).CreateBucketIfNotExists([]byte(e.Reporter))
	if err != nil {
		return err
	}
	if e.Seq, err = box.NextSequence(); err != nil {
		return err
	}
	return put(box, be8(e.Seq), e)
}

// unsend removes the job's events that no reporter has been given yet. One that
// was tried stays: the other side may know it.
func unsend(tx *bbolt.Tx, id string) error {
	return eachBox(tx, func(box *bbolt.Bucket) error {
		var keys [][]byte
		err := box.ForEach(func(key, _ []byte) error {
			e, _, err := get[job.Event](box, key)
			if err == nil && e.Job == id && e.Tries == 0 {
				keys = append(keys, append([]byte(nil), key...))
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := box.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

func eachBox(tx *bbolt.Tx, visit func(*bbolt.Bucket) error) error {
	boxes := tx.Bucket(bucketOutbox)
	return boxes.ForEachBucket(func(name []byte) error { return visit(boxes.Bucket(name)) })
}

// owingJobs returns the jobs that have an event in any outbox.
func owingJobs(tx *bbolt.Tx) (map[string]bool, error) {
	owing := map[string]bool{}
	err := eachBox(tx, func(box *bbolt.Bucket) error {
		return box.ForEach(func(key, _ []byte) error {
			e, _, err := get[job.Event](box, key)
			if e.Job != "" {
				owing[e.Job] = true
			}
			return err
		})
	})
	return owing, err
}

// Owing reports which jobs still have an event in any outbox: their artifacts
// must stay.
func (s *Store) Owing() (owing map[string]bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		owing, err = owingJobs(tx)
		return err
	})
	return owing, err
}

// Outbox returns a reporter's events in the order of their writing.
func (s *Store) Outbox(reporter string) (events []job.Event, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		box := tx.Bucket(bucketOutbox).Bucket([]byte(reporter))
		if box == nil {
			return nil
		}
		return box.ForEach(func(key, _ []byte) error {
			e, _, err := get[job.Event](box, key)
			events = append(events, e)
			return err
		})
	})
	return events, err
}

// Try records that an event is about to be given to its reporter, before that
// happens: its Tries goes up, and the phase counts as reached. It returns the
// event as it is now, or ok = false when it is no longer in the outbox or must
// not be sent, because a later phase of the same number was announced for
// another hash; such an event is settled as superseded.
func (s *Store) Try(reporter string, seq uint64, now time.Time) (e job.Event, ok bool, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		ok = false
		box := tx.Bucket(bucketOutbox).Bucket([]byte(reporter))
		if box == nil {
			return nil
		}
		var found bool
		if e, found, err = get[job.Event](box, be8(seq)); err != nil || !found {
			return err
		}
		if rank := job.Rank(e.Kind); rank > 0 && e.Block != nil {
			reached, err := tx.Bucket(bucketReached).CreateBucketIfNotExists([]byte(reporter))
			if err != nil {
				return err
			}
			highest, known, err := get[job.Reached](reached, be8(e.Block.Number))
			if err != nil {
				return err
			}
			if known && rank < highest.Rank {
				return settle(tx, box, e, job.Superseded, "a later phase of this number was announced before", now)
			}
			if err := put(reached, be8(e.Block.Number), job.Reached{Hash: e.Block.Hash, Rank: rank}); err != nil {
				return err
			}
		}
		e.Tries++
		ok = true
		return put(box, be8(seq), &e)
	})
	return e, ok && err == nil, err
}

// Defer records why a try failed and when the next one is due.
func (s *Store) Defer(reporter string, seq uint64, until time.Time, reason string) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		box := tx.Bucket(bucketOutbox).Bucket([]byte(reporter))
		if box == nil {
			return nil
		}
		e, found, err := get[job.Event](box, be8(seq))
		if err != nil || !found {
			return err
		}
		e.NotUntil, e.Error = until, reason
		return put(box, be8(seq), &e)
	})
}

// Settle removes an event from the outbox and notes what became of it in its
// job's reports. Events that it causes are appended in the same transaction.
func (s *Store) Settle(reporter string, seq uint64, outcome job.Outcome, reason string, now time.Time, causes ...job.Event) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		box := tx.Bucket(bucketOutbox).Bucket([]byte(reporter))
		if box == nil {
			return nil
		}
		e, found, err := get[job.Event](box, be8(seq))
		if err != nil || !found {
			return err
		}
		if err := settle(tx, box, e, outcome, reason, now); err != nil {
			return err
		}
		for i := range causes {
			if err := appendEvent(tx, &causes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func settle(tx *bbolt.Tx, box *bbolt.Bucket, e job.Event, outcome job.Outcome, reason string, now time.Time) error {
	if err := box.Delete(be8(e.Seq)); err != nil {
		return err
	}
	if e.Job == "" || tx.Bucket(bucketJobs).Get([]byte(e.Job)) == nil {
		return nil
	}
	reports, err := tx.Bucket(bucketReports).CreateBucketIfNotExists([]byte(e.Job))
	if err != nil {
		return err
	}
	return put(reports, append(be8(e.Seq), e.Reporter...), status.Report{
		Reporter: e.Reporter, Kind: e.Kind, State: string(outcome), Tries: e.Tries, At: now, Error: reason,
	})
}

// Reports returns what became of a job's events, and those that still wait.
func (s *Store) Reports(id string) (reports []status.Report, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(bucketReports).Bucket([]byte(id)); b != nil {
			err := b.ForEach(func(key, _ []byte) error {
				r, _, err := get[status.Report](b, key)
				reports = append(reports, r)
				return err
			})
			if err != nil {
				return fmt.Errorf("reports of job %s: %w", id, err)
			}
		}
		return eachBox(tx, func(box *bbolt.Bucket) error {
			return box.ForEach(func(key, _ []byte) error {
				e, _, err := get[job.Event](box, key)
				if e.Job == id {
					reports = append(reports, status.Report{Reporter: e.Reporter, Kind: e.Kind, State: "waiting", Tries: e.Tries, Error: e.Error})
				}
				return err
			})
		})
	})
	return reports, err
}
