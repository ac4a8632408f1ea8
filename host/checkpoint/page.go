package checkpoint

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/proofline/proofline/host/record"
)

// Older returns up to limit jobs, finished or not, that come before a job in the order
// of block number and id. The nearest comes first. With an empty id it returns jobs of
// lower numbers only.
func (s *Store) Older(number uint64, id string, limit int) (jobs []*record.Job, err error) {
	err = s.view(func(t tx) (err error) {
		numbers := top(t, bucketNumbers)
		c := numbers.b.Cursor()
		from := append(be8(number), id...)
		key, sealed := c.Seek(from)
		if key == nil {
			key, sealed = c.Last()
		}
		for ; key != nil && len(jobs) < limit; key, sealed = c.Prev() {
			if bytes.Compare(key, from) >= 0 {
				continue
			}
			if _, bad := numbers.unseal(key, sealed); bad != nil {
				err = errors.Join(err, bad)
			} else if j, bad := job(t, key[8:]); bad != nil {
				err = errors.Join(err, fmt.Errorf("listed as %s: %w", numbers.name(key), bad))
			} else {
				jobs = append(jobs, j)
			}
		}
		return err
	})
	return jobs, err
}

// Size returns the size of the file in bytes.
func (s *Store) Size() (bytes int64, err error) {
	err = s.view(func(t tx) error {
		bytes = t.Size()
		return nil
	})
	return bytes, err
}
