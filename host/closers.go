package host

import "errors"

// closers are the functions that close what was opened. The zero value is ready.
type closers []func() error

// add adds the function that closes something that was just opened.
func (c *closers) add(end func() error) { *c = append(*c, end) }

// close calls all functions in the reverse order of add and returns their errors.
func (c *closers) close() (err error) {
	for i := len(*c) - 1; i >= 0; i-- {
		err = errors.Join(err, (*c)[i]())
	}
	*c = nil
	return err
}
