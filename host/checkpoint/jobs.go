package checkpoint

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
)

// Commit writes a change in one transaction and sets Seq of its events.
func (s *Store) Commit(change record.Change) error {
	return s.update(func(t tx) error {
		for _, id := range change.Unsend {
			if err := unsend(t, id); err != nil {
				return fmt.Errorf("job %s: remove unsent events: %w", id, err)
			}
		}
		for _, j := range change.Jobs {
			if err := putJob(t, j); err != nil {
				return fmt.Errorf("job %s: %w", j.ID, err)
			}
		}
		for i := range change.Events {
			if err := appendEvent(t, &change.Events[i]); err != nil {
				return fmt.Errorf("event %s of job %s: %w", change.Events[i].Kind, change.Events[i].Job, err)
			}
		}
		if c := change.Cursor; c != nil {
			if err := top(t, bucketCursors).write([]byte(c.Stage), c); err != nil {
				return fmt.Errorf("cursor of stage %s: %w", c.Stage, err)
			}
		}
		if err := dropRequests(t, change.Requests); err != nil {
			return err
		}
		failpoint.Hit(failpoint.Committing)
		return nil
	})
}

// putJob writes the record of a job and updates the indexes active, numbers and history.
func putJob(t tx, j *record.Job) error {
	jobs, history, id := top(t, bucketJobs), top(t, bucketHistory), []byte(j.ID)
	before, existed, err := read[record.Job](jobs, id)
	if err != nil {
		return err
	}
	if existed && before.State.Finished() {
		if err := history.delete(historyKey(&before)); err != nil {
			return err
		}
	}
	if err := jobs.write(id, j); err != nil {
		return err
	}
	if !existed {
		if err := top(t, bucketNumbers).put(numberKey(j), nil); err != nil {
			return err
		}
	}
	if j.State.Finished() {
		if err := history.put(historyKey(j), []byte(j.State)); err != nil {
			return err
		}
	}
	return putActive(t, j)
}

// putActive adds an open job to the index of active jobs and removes any other. It writes
// nothing for a job that is listed already.
func putActive(t tx, j *record.Job) error {
	active, id := top(t, bucketActive), []byte(j.ID)
	switch {
	case !j.Open():
		return active.delete(id)
	case active.b.Get(id) == nil:
		return active.put(id, nil)
	}
	return nil
}

func numberKey(j *record.Job) []byte { return append(be8(j.Block.Number), j.ID...) }

func historyKey(j *record.Job) []byte { return append(instant(j.Finished), j.ID...) }

// Methods that return a list and an error return the records that could be read. The
// error names every record that could not be read.

// Active returns the open jobs (see record.Job.Open), in no particular order.
func (s *Store) Active() (jobs []*record.Job, err error) {
	err = s.view(func(t tx) error {
		return collect(t, top(t, bucketActive), nil, nil, 0, &jobs)
	})
	return jobs, err
}

// Job returns the record of a job, or record.ErrNotFound.
func (s *Store) Job(id string) (j *record.Job, err error) {
	err = s.view(func(t tx) error {
		j, err = job(t, []byte(id))
		return err
	})
	return j, err
}

// job reads the record of a job. It returns record.ErrNotFound when there is none.
func job(t tx, id []byte) (*record.Job, error) {
	j, ok, err := read[record.Job](top(t, bucketJobs), id)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("job %s: %w", id, record.ErrNotFound)
	}
	return &j, nil
}

// ByNumber returns every job of a block number. There are several after a reorg.
func (s *Store) ByNumber(number uint64) (jobs []*record.Job, err error) {
	err = s.view(func(t tx) error {
		return collect(t, top(t, bucketNumbers), be8(number), be8(number), 8, &jobs)
	})
	return jobs, err
}

// collect reads the jobs that an index lists and appends them to jobs. It visits the keys
// from from on that have the prefix. The id of a job begins at byte idAt of its key.
func collect(t tx, index bucket, from, prefix []byte, idAt int, jobs *[]*record.Job) (err error) {
	c := index.b.Cursor()
	for key, sealed := c.Seek(from); key != nil && bytes.HasPrefix(key, prefix); key, sealed = c.Next() {
		if _, bad := index.unseal(key, sealed); bad != nil {
			err = errors.Join(err, bad)
		} else if j, bad := job(t, key[idAt:]); bad != nil {
			err = errors.Join(err, fmt.Errorf("listed as %s: %w", index.name(key), bad))
		} else {
			*jobs = append(*jobs, j)
		}
	}
	return err
}
