package ethnode

import "io"

// consumer passes what is written to it to a reader in a goroutine of its own, so that
// a document can be examined while it is stored. One goroutine uses it, and must call
// finish.
type consumer struct {
	pipe *io.PipeWriter
	done chan struct{}
	err  error // error of read; valid after done is closed
}

// consume starts a consumer whose goroutine calls read once.
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

// Write implements io.Writer. It returns the reader's error as soon as there is one.
func (c *consumer) Write(p []byte) (int, error) { return c.pipe.Write(p) }

// finish ends the stream and waits for the reader, whose error it returns. cause is
// nil where the stream is complete; otherwise the reader sees it as its read error.
func (c *consumer) finish(cause error) error {
	_ = c.pipe.CloseWithError(cause)
	<-c.done
	return c.err
}
