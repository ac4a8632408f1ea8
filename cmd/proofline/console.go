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

// newLog returns the logger with the format of the pipeline file. If the format is auto or
// empty, it writes short lines to a terminal, and slog's text format otherwise.
func (c commands) newLog(level slog.Leveler, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	switch {
	case format == "json":
		return slog.New(slog.NewJSONHandler(c.Stderr, options))
	case format == "text", !isTerminal(c.Stderr):
		return slog.New(slog.NewTextHandler(c.Stderr, options))
	}
	return slog.New(&console{mu: &sync.Mutex{}, line: &progressLine{}, out: c.Stderr, level: level, paint: c.paint(c.Stderr)})
}

// console is a slog.Handler that prints one line per record:
//
//	15:04:05 WARN  prove      the card is busy  wait=3s
//
// The texts of plugins may come from anywhere. It escapes their control characters.
type console struct {
	mu    *sync.Mutex   // held while a line is written
	line  *progressLine // is kept below the log
	out   io.Writer
	level slog.Leveler
	paint painter
	stage string
	attrs string // the attributes of WithAttrs, formatted
	group string // the names of the groups, such as "outer.inner."
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
	b.WriteString(level + " " + pad(escaped(stage), 10) + " " + escaped(r.Message))
	if attrs.Len() > 0 {
		b.WriteString(" " + attrs.String())
	}
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	text := b.String()
	if h.line != nil && h.line.text != "" {
		text = eraseLine + text + h.line.text
	}
	_, err := io.WriteString(h.out, text)
	return err
}

func (h *console) WithAttrs(attrs []slog.Attr) slog.Handler {
	child := *h
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		if h.isStage(a) {
			child.stage = a.Value.String()
		} else {
			appendAttr(&b, h.group, a)
		}
	}
	child.attrs = b.String()
	return &child
}

func (h *console) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	child := *h
	child.group += name + "."
	return &child
}

// isStage reports whether the attribute is the stage, which has a column of its own.
func (h *console) isStage(a slog.Attr) bool { return h.group == "" && a.Key == "stage" }

// appendAttr appends an attribute as " name=value".
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
	if text == "" || strings.ContainsAny(text, " \"=") || escaped(text) != text {
		text = strconv.Quote(text)
	}
	b.WriteString(" " + escaped(group+a.Key) + "=" + text)
}

// escaped returns a text with escapes for characters that are not printable.
func escaped(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// pad appends spaces to a text until it has width characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-len([]rune(text))))
}
