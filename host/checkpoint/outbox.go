package checkpoint

import (
	"bytes"
	"errors"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// appendEvent adds an event to the outbox of its reporter and sets its Seq.
func appendEvent(t tx, e *record.Event) error {
	box, err := top(t, bucketOutbox).childOrNew([]byte(e.Reporter))
	if err != nil {
		return err
	}
	if e.Seq, err = nextNumber(t, box); err != nil {
		return err
	}
	if e.Job != "" {
		if err := top(t, bucketOwing).put(owingKey(e), nil); err != nil {
			return err
		}
	}
	return box.write(be8(e.Seq), e)
}

// removeEvent removes an event from an outbox and from the index by job.
func removeEvent(t tx, box bucket, e *record.Event) error {
	return errors.Join(box.delete(be8(e.Seq)), top(t, bucketOwing).delete(owingKey(e)))
}

// owingKey returns the key of an event in the index by job: the id of the job, a zero
// byte, and the seq and the reporter of the event.
func owingKey(e *record.Event) []byte {
	return append(append(owingPrefix([]byte(e.Job)), be8(e.Seq)...), e.Reporter...)
}

// owingPrefix returns the prefix of the keys of a job's events in the index.
func owingPrefix(id []byte) []byte { return append(id[:len(id):len(id)], 0) }

// hasEvents reports whether any event of the job is in an outbox.
func hasEvents(t tx, id []byte) bool {
	prefix := owingPrefix(id)
	key, _ := top(t, bucketOwing).b.Cursor().Seek(prefix)
	return bytes.HasPrefix(key, prefix)
}

// waitingEvents returns the events of a job that are in an outbox, ordered by seq and
// reporter. The caller may change the outboxes.
func waitingEvents(t tx, id []byte) (events []record.Event, err error) {
	prefix := owingPrefix(id)
	c := top(t, bucketOwing).b.Cursor()
	for key, _ := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = c.Next() {
		seq, reporter := key[len(prefix):len(prefix)+8], key[len(prefix)+8:]
		box, ok := top(t, bucketOutbox).child(reporter)
		if !ok {
			continue
		}
		e, ok, err := read[record.Event](box, seq)
		if err != nil {
			return nil, err
		}
		if ok {
			events = append(events, e)
		}
	}
	return events, nil
}

// unsend removes those events of a job that were never tried. An event that was tried
// stays, because it may have reached its destination.
func unsend(t tx, id string) error {
	events, err := waitingEvents(t, []byte(id))
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Tries > 0 {
			continue
		}
		box, _ := top(t, bucketOutbox).child([]byte(e.Reporter))
		if err := removeEvent(t, box, &e); err != nil {
			return err
		}
	}
	return nil
}

// Outbox returns the events that wait for a reporter, in the order of their
// writing.
func (s *Store) Outbox(reporter string) ([]record.Event, error) { return s.OutboxSince(reporter, 0) }

// OutboxSince returns the events that wait for a reporter and have a higher seq than
// after, in the order of their writing. It does not read older events.
func (s *Store) OutboxSince(reporter string, after uint64) (events []record.Event, err error) {
	err = s.view(func(t tx) error {
		box, ok := top(t, bucketOutbox).child([]byte(reporter))
		if !ok {
			return nil
		}
		return each(box, be8(after+1), func(_ []byte, e record.Event) { events = append(events, e) })
	})
	return events, err
}

// Waiting returns the number of waiting events of each reporter that has any. It
// includes reporters that the pipeline does not have any more.
func (s *Store) Waiting() (events map[string]int, err error) {
	events = map[string]int{}
	err = s.view(func(t tx) error {
		return top(t, bucketOutbox).eachChild(func(reporter []byte, box bucket) error {
			c := box.b.Cursor()
			for key, _ := c.First(); key != nil; key, _ = c.Next() {
				events[string(reporter)]++
			}
			return nil
		})
	})
	return events, err
}

// Overdue returns the events of every outbox that expired at now or before.
func (s *Store) Overdue(now time.Time) (events []record.Event, err error) {
	var bad error
	err = s.view(func(t tx) error {
		return top(t, bucketOutbox).eachChild(func(_ []byte, box bucket) error {
			bad = errors.Join(bad, each(box, nil, func(_ []byte, e record.Event) {
				if !e.Expires.After(now) {
					events = append(events, e)
				}
			}))
			return nil
		})
	})
	return events, errors.Join(err, bad)
}

// find reads an event for a change. It returns errNothing when the event is not in the
// outbox any more.
func find(t tx, reporter string, seq uint64) (box bucket, e record.Event, err error) {
	box, known := top(t, bucketOutbox).child([]byte(reporter))
	if !known {
		return box, e, errNothing
	}
	e, found, err := read[record.Event](box, be8(seq))
	if err == nil && !found {
		err = errNothing
	}
	return box, e, err
}

// Try records that an event is about to be sent. It counts the try, records the phase as
// reached, and settles the waiting earlier phases of the number as superseded. It
// returns the updated event.
//
// ok is false when the event is not in the outbox any more. It is also false when a
// later phase of the same number was announced before; then the event is settled as
// superseded and must not be sent.
func (s *Store) Try(reporter string, seq uint64, now time.Time) (e record.Event, ok bool, err error) {
	err = s.update(func(t tx) error {
		ok = false
		box, found, err := find(t, reporter, seq)
		if err != nil {
			return err
		}
		e = found
		if rank := record.Rank(e.Kind); rank > 0 && e.Block != nil {
			reached, err := top(t, bucketReached).childOrNew([]byte(reporter))
			if err != nil {
				return err
			}
			highest, known, err := read[record.Reached](reached, reachedKey(e))
			if err != nil {
				return err
			}
			if known && rank < highest.Rank {
				return settle(t, box, e, record.Settlement{Outcome: record.Superseded, Reason: "a later phase of this number was announced before", At: now})
			}
			if err := reached.write(reachedKey(e), record.Reached{Hash: e.Block.Hash, Rank: rank}); err != nil {
				return err
			}
			if err := supersede(t, box, e, now); err != nil {
				return err
			}
		}
		e.Tries++
		ok = true
		return box.write(be8(seq), &e)
	})
	return e, ok && err == nil, err
}

// reachedKey returns the key of the reached phase of an event's block number and lane.
func reachedKey(e record.Event) []byte { return append(be8(e.Block.Number), e.Lane...) }

// supersede settles the waiting earlier phases of the block number of an event.
func supersede(t tx, box bucket, later record.Event, now time.Time) error {
	number := be8(later.Block.Number)
	c := top(t, bucketNumbers).b.Cursor()
	for key, _ := c.Seek(number); bytes.HasPrefix(key, number); key, _ = c.Next() {
		events, err := waitingEvents(t, key[8:])
		if err != nil {
			return err
		}
		for _, e := range events {
			rank := record.Rank(e.Kind)
			if e.Reporter != later.Reporter || e.Seq >= later.Seq || rank == 0 || rank >= record.Rank(later.Kind) || e.Block.ChainID != later.Block.ChainID || e.Lane != later.Lane {
				continue
			}
			err := settle(t, box, e, record.Settlement{Outcome: record.Superseded, Reason: "a later phase of this number is announced instead: " + string(later.Kind), At: now})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Defer records why a try failed and when the next one is due. It does nothing when the
// event is not in the outbox any more.
func (s *Store) Defer(reporter string, seq uint64, until time.Time, reason string) error {
	return s.update(func(t tx) error {
		box, e, err := find(t, reporter, seq)
		if err != nil {
			return err
		}
		e.NotUntil, e.Error = until, record.BoundText(reason, record.MaxText)
		return box.write(be8(seq), &e)
	})
}

// Settle removes an event from the outbox, adds its outcome to the reports of its job,
// and appends the events that follow from it, in one transaction. It does nothing when
// the event is not in the outbox any more.
func (s *Store) Settle(reporter string, seq uint64, end record.Settlement) error {
	return s.update(func(t tx) error {
		box, e, err := find(t, reporter, seq)
		if err != nil {
			return err
		}
		if err := settle(t, box, e, end); err != nil {
			return err
		}
		for _, cause := range end.Causes {
			if err := appendEvent(t, &cause); err != nil {
				return err
			}
		}
		return nil
	})
}

// settle removes an event and adds a report to its job, if the job has a record.
func settle(t tx, box bucket, e record.Event, end record.Settlement) error {
	if err := removeEvent(t, box, &e); err != nil {
		return err
	}
	if e.Job == "" || t.Bucket(bucketJobs).Get([]byte(e.Job)) == nil {
		return nil
	}
	reports, err := top(t, bucketReports).childOrNew([]byte(e.Job))
	if err != nil {
		return err
	}
	return reports.write(append(be8(e.Seq), e.Reporter...), status.Report{
		Reporter: e.Reporter, Stage: e.Stage, Kind: e.Kind, State: string(end.Outcome), Tries: e.Tries, At: end.At,
		Error: record.BoundText(end.Reason, record.MaxText), Facts: record.BoundFacts(end.Facts),
	})
}

// Reports returns the reports of a job: first those of settled events, then those of
// events that wait.
func (s *Store) Reports(id string) (reports []status.Report, err error) {
	err = s.view(func(t tx) (err error) {
		if settled, ok := top(t, bucketReports).child([]byte(id)); ok {
			err = each(settled, nil, func(_ []byte, r status.Report) { reports = append(reports, r) })
		}
		waiting, bad := waitingEvents(t, []byte(id))
		for _, e := range waiting {
			reports = append(reports, status.Report{Reporter: e.Reporter, Stage: e.Stage, Kind: e.Kind, State: status.ReportWaiting, Tries: e.Tries, Error: e.Error})
		}
		return errors.Join(err, bad)
	})
	return reports, err
}
