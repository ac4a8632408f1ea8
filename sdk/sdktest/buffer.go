package sdktest

import (
	"bytes"
	"strings"
	"sync"
)

// Buffer collects the output of a process or of several goroutines. It may be read while
// it is written to, and is safe for concurrent use. The zero value is empty.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what has been written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// longestLine returns the length in bytes of the longest line, including its end.
func (b *Buffer) longestLine() (longest int) {
	for line := range strings.Lines(b.String()) {
		longest = max(longest, len(line))
	}
	return longest
}
