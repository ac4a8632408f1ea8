package live

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/host/record"
)

const (
	logLimit = 2000 // number of lines that a Log keeps
	maxLine  = 1024 // bytes of a line's text
)

// Line is one line of the host's log.
type Line struct {
	ID    uint64    `json:"id"` // ascending
	At    time.Time `json:"at"`
	Level string    `json:"level"` // debug, info, warning, error
	Stage string    `json:"stage,omitempty"`
	Block uint64    `json:"block,omitempty"`
	Text  string    `json:"text"`
}

// Log keeps the last lines of a log. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	lines [logLimit]Line
	last  uint64 // ID of the newest line; ids begin at 1
}

// Filter selects lines. Its zero value selects all lines.
type Filter struct {
	Stage string
	Level slog.Level // this level and higher ones
	Block uint64
	After uint64 // only lines with a greater ID
	Limit int    // at most this many, the newest ones; 0 for all
}

// Lines returns the kept lines that the filter selects, the newest first.
func (l *Log) Lines(f Filter) []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Line{}
	for id := l.last; id > f.After && id+logLimit > l.last && id > 0; id-- {
		line := l.lines[id%logLimit]
		if f.Stage != "" && line.Stage != f.Stage || f.Block != 0 && line.Block != f.Block || levelOf(line.Level) < f.Level {
			continue
		}
		if found = append(found, line); len(found) == f.Limit {
			break
		}
	}
	return found
}

// add keeps a line and gives it the next ID.
func (l *Log) add(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	line.ID = l.last
	l.lines[line.ID%logLimit] = line
}

// levelOf returns the level with the name that a Line has.
func levelOf(name string) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// ParseLevel returns the level with the name that a Line has. An empty name is debug.
func ParseLevel(name string) (slog.Level, error) {
	switch name {
	case "", "debug":
		return slog.LevelDebug, nil
	case "info", "warning", "error":
		return levelOf(name), nil
	}
	return 0, fmt.Errorf("%q is none of debug, info, warning, error", name)
}

// levelName returns the name of a level as a Line has it.
func levelName(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "debug"
	case level < slog.LevelWarn:
		return "info"
	case level < slog.LevelError:
		return "warning"
	}
	return "error"
}

// Handler returns a handler that keeps each record that next accepts, and passes it to
// next. The records must contain no secrets.
func (l *Log) Handler(next slog.Handler) slog.Handler { return &logHandler{next: next, log: l} }

// logHandler is the handler that Log.Handler returns.
type logHandler struct {
	next     slog.Handler
	log      *Log
	withLine Line   // stage and block from the attributes of WithAttrs
	attrs    string // the other attributes of WithAttrs, as text
	prefix   string // the names of the groups, each with a dot
}

func (k *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return k.next.Enabled(ctx, level)
}

func (k *logHandler) Handle(ctx context.Context, r slog.Record) error {
	line, text := k.withLine, strings.Builder{}
	line.At, line.Level = r.Time.UTC(), levelName(r.Level)
	text.WriteString(r.Message)
	text.WriteString(k.attrs)
	r.Attrs(func(a slog.Attr) bool {
		text.WriteString(line.absorb(k.prefix, a))
		return true
	})
	line.Text = record.BoundText(text.String(), maxLine)
	k.log.add(line)
	return k.next.Handle(ctx, r)
}

// absorb stores an attribute with the stage or the block in its field of the line. It
// returns any other attribute as text, with a leading space.
func (l *Line) absorb(prefix string, a slog.Attr) string {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return ""
	case v.Kind() == slog.KindGroup:
		text := ""
		for _, below := range v.Group() {
			text += l.absorb(prefix+a.Key+".", below)
		}
		return text
	case prefix == "" && a.Key == "stage" && v.Kind() == slog.KindString:
		l.Stage = v.String()
		return ""
	case prefix == "" && (a.Key == "block" || a.Key == "number"):
		if n, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			l.Block = n
			return ""
		}
	case prefix == "" && a.Key == "job" && l.Block == 0: // <chain>-<number>-<hash>
		if parts := strings.Split(v.String(), "-"); len(parts) == 3 {
			l.Block, _ = strconv.ParseUint(parts[1], 10, 64)
		}
	}
	text := v.String()
	if strings.ContainsAny(text, " \t\n\"=") {
		text = strconv.Quote(text)
	}
	return " " + prefix + a.Key + "=" + text
}

func (k *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *k
	next.next = k.next.WithAttrs(attrs)
	for _, a := range attrs {
		next.attrs += next.withLine.absorb(k.prefix, a)
	}
	return &next
}

func (k *logHandler) WithGroup(name string) slog.Handler {
	next := *k
	next.next = k.next.WithGroup(name)
	if name != "" {
		next.prefix += name + "."
	}
	return &next
}
