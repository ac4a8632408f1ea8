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
	keptLines = 2000
	maxLine   = 1024 // bytes of a line's text
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
	lines [keptLines]Line
	last  uint64 // ID of the newest line; ids begin at 1
}

// Filter narrows lines. Its zero value takes all.
type Filter struct {
	Stage string
	Level slog.Level // and above
	Block uint64
	After uint64 // only lines with a greater ID
	Limit int    // the newest so many; 0 for all
}

// Lines returns the kept lines that fit, the newest first.
func (l *Log) Lines(f Filter) []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Line{}
	for id := l.last; id > f.After && id+keptLines > l.last && id > 0; id-- {
		line := l.lines[id%keptLines]
		if f.Stage != "" && line.Stage != f.Stage || f.Block != 0 && line.Block != f.Block || levelOf(line.Level) < f.Level {
			continue
		}
		if found = append(found, line); len(found) == f.Limit {
			break
		}
	}
	return found
}

func (l *Log) add(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	line.ID = l.last
	l.lines[line.ID%keptLines] = line
}

func levelOf(word string) slog.Level {
	switch word {
	case "debug":
		return slog.LevelDebug
	case "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// ParseLevel reads a level as Line has it; an empty word is debug.
func ParseLevel(word string) (slog.Level, error) {
	switch word {
	case "", "debug":
		return slog.LevelDebug, nil
	case "info", "warning", "error":
		return levelOf(word), nil
	}
	return 0, fmt.Errorf("%q is none of debug, info, warning, error", word)
}

func levelWord(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warning"
	}
	return "error"
}

// Handler returns a handler that keeps what next takes, and hands it on. Secrets
// must be out of the lines already.
func (l *Log) Handler(next slog.Handler) slog.Handler { return &keeper{next: next, log: l} }

type keeper struct {
	next   slog.Handler
	log    *Log
	line   Line   // what With has said
	attrs  string // the same, in text
	prefix string // of groups
}

func (k *keeper) Enabled(ctx context.Context, level slog.Level) bool {
	return k.next.Enabled(ctx, level)
}

func (k *keeper) Handle(ctx context.Context, r slog.Record) error {
	line, text := k.line, strings.Builder{}
	line.At, line.Level = r.Time.UTC(), levelWord(r.Level)
	text.WriteString(r.Message)
	text.WriteString(k.attrs)
	r.Attrs(func(a slog.Attr) bool {
		text.WriteString(line.note(k.prefix, a))
		return true
	})
	line.Text = record.BoundText(text.String(), maxLine)
	k.log.add(line)
	return k.next.Handle(ctx, r)
}

// note puts the stage and the block of an attribute into their fields, and returns
// any other as text.
func (l *Line) note(prefix string, a slog.Attr) string {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return ""
	case v.Kind() == slog.KindGroup:
		text := ""
		for _, below := range v.Group() {
			text += l.note(prefix+a.Key+".", below)
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

func (k *keeper) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *k
	next.next = k.next.WithAttrs(attrs)
	for _, a := range attrs {
		next.attrs += next.line.note(k.prefix, a)
	}
	return &next
}

func (k *keeper) WithGroup(name string) slog.Handler {
	next := *k
	next.next = k.next.WithGroup(name)
	if name != "" {
		next.prefix += name + "."
	}
	return &next
}
