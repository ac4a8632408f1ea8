package process

import (
	"slices"
	"strings"
	"sync"

	"github.com/proofline/proofline/sdk/text"
)

const (
	// MaxLine is the length of the longest line that Stdout and Stderr get, in bytes.
	MaxLine = 16 << 10
	// TailLines is the number of lines in the Tail of an Exit.
	TailLines = 40
	// tailLine is the length of the longest line in a Tail, in bytes.
	tailLine = 2 << 10
)

// output joins the two streams of a tool. They share the lock under which the callbacks
// run, and the tail.
type output struct {
	mu   sync.Mutex
	last []string
}

func (o *output) stream(line func(string)) *lines { return &lines{output: o, emit: line} }

func (o *output) line(emit func(string), line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if strings.TrimSpace(line) != "" {
		if len(o.last) == TailLines {
			o.last = slices.Delete(o.last, 0, 1)
		}
		o.last = append(o.last, strings.Clone(text.Cut(line, tailLine)))
	}
	if emit != nil {
		emit(line)
	}
}

func (o *output) tail() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.last)
}

// lines cuts a stream into lines of bounded length. It is written to by one
// goroutine.
type lines struct {
	output *output
	emit   func(string)
	buf    []byte
	long   bool // the line is longer than MaxLine; its rest is dropped
	cr     bool // the last byte was \r, so that a following \n ends no other line
}

// Write implements io.Writer and never fails.
func (l *lines) Write(p []byte) (int, error) {
	for _, b := range p {
		switch {
		case b == '\n' && l.cr && len(l.buf) == 0:
		case b == '\n' || b == '\r':
			l.end()
		case len(l.buf) < MaxLine:
			l.buf = append(l.buf, b)
		default:
			l.long = true
		}
		l.cr = b == '\r'
	}
	return len(p), nil
}

func (l *lines) end() {
	line := strings.ToValidUTF8(string(l.buf), "\uFFFD")
	if l.long {
		line = text.Cut(line+"…", MaxLine)
	}
	l.buf, l.long = l.buf[:0], false
	l.output.line(l.emit, line)
}

// flush hands on a last line that has no line end.
func (l *lines) flush() {
	if len(l.buf) > 0 {
		l.end()
	}
}
