package sdktest

import (
	"bytes"
	"strings"
	"sync"
)

// Buffer collects what several goroutines or a process write, while others read it.
// The zero value is empty.
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

// longestLine is the length in bytes of the longest line, its end included.
func (b *Buffer) longestLine() (longest int) {
	for line := range strings.Lines(b.String()) {
		longest = max(longest, len(line))
	}
	return longest
}
