package ethnode

import (
	"io"

	"github.com/klauspost/readahead"
)

// consumer passes what is written to it to a reader in a goroutine of its own, so that
// a document can be examined while it is stored. One goroutine uses it, and must call
// finish.
type consumer struct {
	pipe *io.PipeWriter
	done chan struct{}
	err  error // error of read; valid after done is closed
}

// The writer is at most aheadBuffers of aheadSize bytes ahead of the reader. Without that
// the two would wait for each other at every write.
const (
	aheadBuffers = 16
	aheadSize    = 64 << 10
)

// consume starts a consumer whose goroutine calls read once.
func consume(read func(io.Reader) error) *consumer {
	r, w := io.Pipe()
	c := &consumer{pipe: w, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		ahead, err := readahead.NewReaderSize(r, aheadBuffers, aheadSize)
		if err == nil { // it fails only for sizes below one
			err = read(ahead)
			defer ahead.Close()
		}
		c.err = err
		_ = r.CloseWithError(err) // unblocks the writer
	}()
	return c
}

// Write implements io.Writer. It returns the reader's error soon after there is one.
func (c *consumer) Write(p []byte) (int, error) { return c.pipe.Write(p) }

// finish ends the stream and waits for the reader, whose error it returns. cause is
// nil where the stream is complete; otherwise the reader sees it as its read error.
func (c *consumer) finish(cause error) error {
	_ = c.pipe.CloseWithError(cause)
	<-c.done
	return c.err
}
