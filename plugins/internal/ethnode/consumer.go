package ethnode

import "io"

// consumer hands what is written to it to a reader that runs in a goroutine of its
// own, so that a document is examined while it is stored. It is used by one
// goroutine, which must call finish.
type consumer struct {
	pipe *io.PipeWriter
	done chan struct{}
	err  error // of read
}

func consume(read func(io.Reader) error) *consumer {
	r, w := io.Pipe()
	c := &consumer{pipe: w, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.err = read(r)
		_ = r.CloseWithError(c.err) // unblocks the writer
	}()
	return c
}

// Write implements io.Writer. It fails with the reader's error as soon as there is
// one.
func (c *consumer) Write(p []byte) (int, error) { return c.pipe.Write(p) }

// finish ends the stream, with cause where it is not complete, and waits for the
// reader. The error is the reader's; it wraps cause where that is all there is.
func (c *consumer) finish(cause error) error {
	_ = c.pipe.CloseWithError(cause)
	<-c.done
	return c.err
}
