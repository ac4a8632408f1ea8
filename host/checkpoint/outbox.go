package checkpoint

import (
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
)

func appendEvent(tx *bbolt.Tx, e *job.Event) error {
	box, err := top(tx, bucketOutbox).childOrNew([]byte(e.Reporter))
	if err != nil {
		return err
	}
	if e.Seq, err = nextNumber(tx, box); err != nil {
		return err
	}
	return box.write(be8(e.Seq), e)
}

// unsend removes the job's events that no reporter has been given yet. One that
// was tried stays: the other side may know it.
func unsend(tx *bbolt.Tx, id string) error {
	return eachBox(tx, func(box bucket) error {
		var unsent []uint64
		err := each(box, func(_ []byte, e job.Event) error {
			if e.Job == id && e.Tries == 0 {
				unsent = append(unsent, e.Seq)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, seq := range unsent {
			if err := box.delete(be8(seq)); err != nil {
				return err
			}
		}
		return nil
	})
}

func eachBox(tx *bbolt.Tx, visit func(bucket) error) error {
	return top(tx, bucketOutbox).eachChild(func(_ []byte, box bucket) error { return visit(box) })
}

// owingJobs returns the jobs that have an event in any outbox.
func owingJobs(tx *bbolt.Tx) (map[string]bool, error) {
	owing := map[string]bool{}
	return owing, eachBox(tx, func(box bucket) error {
		return each(box, func(_ []byte, e job.Event) error {
			if e.Job != "" {
				owing[e.Job] = true
			}
			return nil
		})
	})
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
		box, ok := top(tx, bucketOutbox).child([]byte(reporter))
		if !ok {
			return nil
		}
		return each(box, func(_ []byte, e job.Event) error {
			events = append(events, e)
			return nil
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
	err = s.update(func(tx *bbolt.Tx) error {
		ok = false
		box, known := top(tx, bucketOutbox).child([]byte(reporter))
		if !known {
			return nil
		}
		var found bool
		if e, found, err = read[job.Event](box, be8(seq)); err != nil || !found {
			return err
		}
		if rank := job.Rank(e.Kind); rank > 0 && e.Block != nil {
			reached, err := top(tx, bucketReached).childOrNew([]byte(reporter))
			if err != nil {
				return err
			}
			highest, known, err := read[job.Reached](reached, be8(e.Block.Number))
			if err != nil {
				return err
			}
			if known && rank < highest.Rank {
				return settle(tx, box, e, job.Settlement{Outcome: job.Superseded, Reason: "a later phase of this number was announced before", At: now})
			}
			if err := reached.write(be8(e.Block.Number), job.Reached{Hash: e.Block.Hash, Rank: rank}); err != nil {
				return err
			}
		}
		e.Tries++
		ok = true
		return box.write(be8(seq), &e)
	})
	return e, ok && err == nil, err
}

// Defer records why a try failed and when the next one is due.
func (s *Store) Defer(reporter string, seq uint64, until time.Time, reason string) error {
	return s.update(func(tx *bbolt.Tx) error {
		box, known := top(tx, bucketOutbox).child([]byte(reporter))
		if !known {
			return nil
		}
		e, found, err := read[job.Event](box, be8(seq))
		if err != nil || !found {
			return err
		}
		e.NotUntil, e.Error = until, reason
		return box.write(be8(seq), &e)
	})
}

// Settle removes an event from the outbox and notes what became of it in its
// job's reports. Events that it causes are appended in the same transaction.
func (s *Store) Settle(reporter string, seq uint64, end job.Settlement) error {
	return s.update(func(tx *bbolt.Tx) error {
		box, known := top(tx, bucketOutbox).child([]byte(reporter))
		if !known {
			return nil
		}
		e, found, err := read[job.Event](box, be8(seq))
		if err != nil || !found {
			return err
		}
		if err := settle(tx, box, e, end); err != nil {
			return err
		}
		for _, cause := range end.Causes {
			if err := appendEvent(tx, &cause); err != nil {
				return err
			}
		}
		return nil
	})
}

func settle(tx *bbolt.Tx, box bucket, e job.Event, end job.Settlement) error {
	if err := box.delete(be8(e.Seq)); err != nil {
		return err
	}
	if e.Job == "" || tx.Bucket(bucketJobs).Get([]byte(e.Job)) == nil {
		return nil
	}
	reports, err := top(tx, bucketReports).childOrNew([]byte(e.Job))
	if err != nil {
		return err
	}
	return reports.write(append(be8(e.Seq), e.Reporter...), status.Report{
		Reporter: e.Reporter, Kind: e.Kind, State: string(end.Outcome), Tries: e.Tries, At: end.At, Error: end.Reason, Facts: end.Facts,
	})
}

// Reports returns what became of a job's events, and those that still wait.
func (s *Store) Reports(id string) (reports []status.Report, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if settled, ok := top(tx, bucketReports).child([]byte(id)); ok {
			err := each(settled, func(_ []byte, r status.Report) error {
				reports = append(reports, r)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return eachBox(tx, func(box bucket) error {
			return each(box, func(_ []byte, e job.Event) error {
				if e.Job == id {
					reports = append(reports, status.Report{Reporter: e.Reporter, Kind: e.Kind, State: "waiting", Tries: e.Tries, Error: e.Error})
				}
				return nil
			})
		})
	})
	return reports, err
}
