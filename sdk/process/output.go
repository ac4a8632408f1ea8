package process

import (
	"slices"
	"strings"
	"sync"

	"github.com/proofline/proofline/sdk/text"
)

const (
	// MaxLine is the longest line that is handed on, in bytes.
	MaxLine = 16 << 10
	// TailLines is how many last lines an Exit holds.
	TailLines = 40
	// tailLine is the longest line of a tail, in bytes.
	tailLine = 2 << 10
)

// output joins the two streams of a tool: one lock for both callbacks, one tail.
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
	long   bool // the rest of the line is left out
	cr     bool // the last byte was \r, so that \r\n ends one line
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

// flush ends a last line without an end.
func (l *lines) flush() {
	if len(l.buf) > 0 {
		l.end()
	}
}
