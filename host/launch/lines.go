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
	maxLine        = 64 << 10 // bytes of a line that are read; the rest is dropped
	maxPlain       = 4 << 10  // bytes of a text that are logged
	lastLinesLimit = 6        // number of last lines that are kept to explain the plugin's end
	stackLimit     = 60       // number of first lines of a panic that are kept
)

// eachLine calls fn with every line of r until r ends or fails. The line has no line
// break and is cut at maxLine bytes. The slice is valid during the call only.
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

// lineLog logs the lines that a plugin writes to stderr. JSON lines with hclog's keys
// keep their level and attributes. All other lines are logged at debug level. lineLog
// is safe for concurrent use.
type lineLog struct {
	log  *slog.Logger
	max  slog.Level // higher levels are lowered to this one
	tail *tail      // keeps every line; may be nil
	pace flood      // limits what is logged

	mu        sync.Mutex
	lastLines []string // at most lastLinesLimit, to explain the end of the plugin
	stack     []string // the first lines of a panic; empty if there was none
}

func newLineLog(log *slog.Logger, max slog.Level) *lineLog { return &lineLog{log: log, max: max} }

// line logs a line of stderr. If the line is an entry of the plugin's own log, earlier
// lines that looked like a panic were none, because the plugin still runs.
func (l *lineLog) line(line []byte) {
	if l.read(line) {
		l.clearPanic()
	}
}

// read logs one line without the stage's secrets. It reports whether the line is an
// entry of the plugin's own log.
func (l *lineLog) read(line []byte) (isEntry bool) {
	if len(bytes.TrimSpace(line)) == 0 {
		return false
	}
	e, isEntry := parseEntry(line)
	if !isEntry {
		plain := l.tail.redacted(string(line))
		l.tail.add(time.Now(), plain)
		plain = shorten(plain)
		l.remember(plain)
		l.write(slog.LevelDebug, plain, nil)
		return false
	}
	e = e.redacted(l.tail.redacted) // after decoding, so that JSON escapes cannot hide a secret
	text := strings.ToLower(e.level.String()) + ": " + e.text()
	l.tail.add(time.Now(), text)
	if e.level >= slog.LevelWarn {
		l.remember(shorten(text))
	}
	l.write(min(e.level, l.max), e.message, e.attrs)
	return true
}

// write logs a record, unless the plugin writes too much.
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

// end logs how many lines were dropped. Call it when the plugin has ended.
func (l *lineLog) end() {
	if report := l.pace.close(); report != "" {
		l.log.Warn(report)
	}
}

// Write implements io.Writer for whole lines, as hclog writes them.
func (l *lineLog) Write(text []byte) (int, error) {
	eachLine(bytes.NewReader(text), l.line)
	return len(text), nil
}

// remember keeps a line to explain the end of the plugin.
func (l *lineLog) remember(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if (len(l.stack) > 0 || isPanic(text)) && len(l.stack) < stackLimit {
		l.stack = append(l.stack, text)
	}
	if len(l.lastLines) == lastLinesLimit {
		l.lastLines = slices.Delete(l.lastLines, 0, 1)
	}
	l.lastLines = append(l.lastLines, text)
}

// clearPanic removes lines that looked like a panic.
func (l *lineLog) clearPanic() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stack = nil
}

// exitReason returns the lines that explain why the plugin ended: the first line of a
// panic, or the last lines.
func (l *lineLog) exitReason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.stack) > 0 {
		return l.stack[0]
	}
	return strings.Join(l.lastLines, "\n")
}

// panic returns the beginning of the stack trace with which the plugin ended, or "".
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

// redacted returns the entry with hide applied to all its texts. All values become
// texts.
func (e entry) redacted(hide func(string) string) entry {
	hidden := entry{level: e.level, message: hide(e.message)}
	for _, a := range e.attrs {
		hidden.attrs = append(hidden.attrs, slog.String(hide(a.Key), hide(fmt.Sprint(a.Value))))
	}
	return hidden
}

// text returns the message with the attributes.
func (e entry) text() string {
	var b strings.Builder
	b.WriteString(e.message)
	for _, a := range e.attrs {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
	}
	return b.String()
}

// parseEntry reads a line in hclog's JSON format. It returns false for other lines,
// such as the JSON log of a tool.
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

// levelOf returns the level with a name of hclog or slog, or debug if it is unknown.
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

// shorten cuts a text to maxPlain bytes and appends its whole length if it was longer.
func shorten(s string) string {
	out := text.Cut(s, maxPlain)
	if len(s) > maxPlain {
		out += fmt.Sprintf(" (%d bytes)", len(s))
	}
	return out
}

// drainTime is how long the pipes are read after the keeper has ended. It matters only
// if the keeper was killed and has left processes that hold the pipes open.
const drainTime = time.Second
