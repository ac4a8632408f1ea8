package main

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// newLog writes the log for who reads it: a person at a terminal gets short
// lines, a file or a service manager gets slog's text format.
func (c commands) newLog(level slog.Leveler) *slog.Logger {
	if !isTerminal(c.Stderr) {
		return slog.New(slog.NewTextHandler(c.Stderr, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(&console{mu: &sync.Mutex{}, out: c.Stderr, level: level, paint: c.paint(c.Stderr)})
}

// console is a slog.Handler that prints one line per record:
//
//	15:04:05 WARN  prove      the card is busy  wait=3s
//
// What plugins say may come from anywhere; nothing of it reaches the terminal
// as a control character.
type console struct {
	mu    *sync.Mutex // held while a line is written
	out   io.Writer
	level slog.Leveler
	paint painter
	stage string
	attrs string // formatted
	group string // "outer.inner."
}

func (h *console) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

func (h *console) Handle(_ context.Context, r slog.Record) error {
	var attrs strings.Builder
	attrs.WriteString(h.attrs)
	stage := h.stage
	r.Attrs(func(a slog.Attr) bool {
		if h.isStage(a) {
			stage = a.Value.String()
		} else {
			appendAttr(&attrs, h.group, a)
		}
		return true
	})
	var b strings.Builder
	if !r.Time.IsZero() {
		b.WriteString(r.Time.Format(time.TimeOnly) + " ")
	}
	level := pad(r.Level.String(), 5)
	switch {
	case r.Level >= slog.LevelWarn:
		level = h.paint.bad(level)
	case r.Level == slog.LevelInfo:
		level = "     "
	}
	b.WriteString(level + " " + pad(plain(stage), 10) + " " + plain(r.Message))
	if attrs.Len() > 0 {
		b.WriteString(" " + attrs.String())
	}
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.out, b.String())
	return err
}

func (h *console) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		if h.isStage(a) {
			with.stage = a.Value.String()
		} else {
			appendAttr(&b, h.group, a)
		}
	}
	with.attrs = b.String()
	return &with
}

func (h *console) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.group += name + "."
	return &with
}

// isStage reports whether the attribute names the stage, which has a column.
func (h *console) isStage(a slog.Attr) bool { return h.group == "" && a.Key == "stage" }

func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	value := a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return
	}
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range value.Group() {
			appendAttr(b, group, inner)
		}
		return
	}
	text := value.String()
	if value.Kind() == slog.KindTime {
		text = value.Time().Format(time.RFC3339Nano)
	}
	if text == "" || strings.ContainsAny(text, " \"=") || plain(text) != text {
		text = strconv.Quote(text)
	}
	b.WriteString(" " + plain(group+a.Key) + "=" + text)
}

// plain writes characters that are not printable as escapes.
func plain(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-len([]rune(text))))
}
