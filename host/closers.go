package host

import "errors"

// closers ends what was begun, in the reverse order. The zero value is empty.
type closers []func() error

// add notes how something that was just begun is ended.
func (c *closers) add(end func() error) { *c = append(*c, end) }

// close ends everything and returns all errors.
func (c *closers) close() (err error) {
	for i := len(*c) - 1; i >= 0; i-- {
		err = errors.Join(err, (*c)[i]())
	}
	*c = nil
	return err
}
