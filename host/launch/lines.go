package launch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/text"
)

const (
	maxLine    = 64 << 10 // bytes of a line that are read; the rest is dropped
	maxPlain   = 4 << 10  // bytes of a plain line that are logged
	tailLines  = 6        // last lines that are kept for the report of a death
	panicLines = 60       // first lines of a panic that are kept
)

// eachLine calls fn with every line of r, without its end and cut at maxLine
// bytes, until r ends or fails. The slice is valid during the call only.
func eachLine(r io.Reader, fn func(line []byte)) {
	from := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := from.ReadSlice('\n')
		if len(line) > 0 {
			fn(bytes.TrimRight(line, "\r\n"))
		}
		for errors.Is(err, bufio.ErrBufferFull) { // drop the rest of a long line
			_, err = from.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

// lineLog turns what a plugin writes to stderr into log records: JSON lines
// with hclog's keys keep their level and attributes, everything else is logged
// at debug. It is safe for concurrent use.
type lineLog struct {
	log  *slog.Logger
	max  slog.Level // higher levels are lowered to this one
	keep *tail      // gets every line; may be nil
	pace flood

	mu    sync.Mutex
	tail  []string
	stack []string // of a panic: from its first line; empty while the plugin logs as usual
}

func newLineLog(log *slog.Logger, max slog.Level) *lineLog { return &lineLog{log: log, max: max} }

// line logs a line of stderr. An entry of the plugin's own log after what looked like a
// panic shows that it was none.
func (l *lineLog) line(line []byte) {
	if l.read(line) {
		l.survived()
	}
}

// read logs one line, without the stage's secrets, and reports whether it is an entry.
func (l *lineLog) read(line []byte) (isEntry bool) {
	if len(bytes.TrimSpace(line)) == 0 {
		return false
	}
	e, isEntry := parseEntry(line)
	if !isEntry {
		plain := l.keep.hidden(string(line))
		l.keep.add(time.Now(), plain)
		plain = shorten(plain)
		l.remember(plain)
		l.write(slog.LevelDebug, plain, nil)
		return false
	}
	e = e.without(l.keep.hidden) // escapes in JSON hide no secret from it
	said := strings.ToLower(e.level.String()) + ": " + e.text()
	l.keep.add(time.Now(), said)
	if e.level >= slog.LevelWarn {
		l.remember(shorten(said))
	}
	l.write(min(e.level, l.max), e.message, e.attrs)
	return true
}

// write logs what was read, unless the plugin writes too much.
func (l *lineLog) write(level slog.Level, message string, attrs []slog.Attr) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	message = shorten(message)
	size := len(message)
	for i, a := range attrs {
		attrs[i].Value = slog.StringValue(shorten(a.Value.String()))
		size += len(a.Key) + len(attrs[i].Value.String())
	}
	ok, report := l.pace.admit(time.Now(), size, level)
	if report != "" {
		l.log.Warn(report)
	}
	if ok {
		l.log.LogAttrs(context.Background(), level, message, attrs...)
	}
}

// end says what was left out; call it when the plugin has ended.
func (l *lineLog) end() {
	if report := l.pace.last(); report != "" {
		l.log.Warn(report)
	}
}

// Write implements io.Writer for whole lines, as hclog writes them.
func (l *lineLog) Write(text []byte) (int, error) {
	eachLine(bytes.NewReader(text), l.line)
	return len(text), nil
}

func (l *lineLog) remember(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if (len(l.stack) > 0 || isPanic(text)) && len(l.stack) < panicLines {
		l.stack = append(l.stack, text)
	}
	if len(l.tail) == tailLines {
		l.tail = slices.Delete(l.tail, 0, 1)
	}
	l.tail = append(l.tail, text)
}

// survived notes that what looked like a panic was none: the plugin goes on.
func (l *lineLog) survived() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stack = nil
}

// last returns the lines that tell why the plugin ended: a panic's first, or
// the last ones.
func (l *lineLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.stack) > 0 {
		return l.stack[0]
	}
	return strings.Join(l.tail, "\n")
}

// panic returns the beginning of the stack trace that the plugin ended with, or
// nothing.
func (l *lineLog) panic() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.stack, "\n")
}

func isPanic(line string) bool {
	return strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:")
}

// entry is a JSON log line.
type entry struct {
	level   slog.Level
	message string
	attrs   []slog.Attr
}

// without returns the entry as hide leaves it, every value as a text.
func (e entry) without(hide func(string) string) entry {
	hidden := entry{level: e.level, message: hide(e.message)}
	for _, a := range e.attrs {
		hidden.attrs = append(hidden.attrs, slog.String(hide(a.Key), hide(fmt.Sprint(a.Value))))
	}
	return hidden
}

// text is the message with the attributes.
func (e entry) text() string {
	var b strings.Builder
	b.WriteString(e.message)
	for _, a := range e.attrs {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
	}
	return b.String()
}

// parseEntry reads a line in hclog's JSON format. A line in another shape, such
// as the JSON log of a tool, is no entry.
func parseEntry(line []byte) (entry, bool) {
	if len(line) == 0 || line[0] != '{' {
		return entry{}, false
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return entry{}, false
	}
	message, ok := fields["@message"].(string)
	if !ok {
		return entry{}, false
	}
	name, _ := fields["@level"].(string)
	e := entry{message: message, level: levelOf(name)}
	for _, key := range []string{"@message", "@level", "@timestamp", "@caller"} {
		delete(fields, key)
	}
	for key, value := range fields {
		e.attrs = append(e.attrs, slog.Any(strings.TrimPrefix(key, "@"), value))
	}
	slices.SortFunc(e.attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return e, true
}

// levelOf reads hclog's and slog's names of levels; an unknown one is debug.
func levelOf(name string) slog.Level {
	switch strings.ToLower(name) {
	case "info":
		return slog.LevelInfo
	case "warn", "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	case "trace":
		return slog.LevelDebug - 4
	}
	return slog.LevelDebug
}

// shorten makes a text fit for a log line.
func shorten(s string) string {
	out := text.Cut(s, maxPlain)
	if len(s) > maxPlain {
		out += fmt.Sprintf(" (%d bytes)", len(s))
	}
	return out
}

// drainTime is what is left in the pipes gets to be read after the keeper has
// ended. It matters only when a killed keeper has left processes that hold them.
const drainTime = time.Second
