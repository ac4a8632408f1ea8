package sdk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/text"
)

// maxLogText is the longest text attribute of a log line, in bytes: a host reads
// lines of up to 64 KiB.
const maxLogText = 8 << 10

// output is the process's log: JSON lines with the keys of hclog, which every
// go-plugin host understands, on the original standard error. No configured
// secret leaves through it.
type output struct {
	logger *slog.Logger
	level  slog.LevelVar

	mu       sync.Mutex
	to       io.Writer
	secrets  []string
	redactor *redact.Redactor
}

// newTextOutput is for people: one line of text each.
func newTextOutput(to io.Writer) *output {
	o := &output{to: to}
	o.logger = slog.New(slog.NewTextHandler(o, &slog.HandlerOptions{Level: &o.level}))
	return o
}

func newOutput(to io.Writer) *output {
	o := &output{to: to}
	o.logger = slog.New(apart{slog.NewJSONHandler(o, &slog.HandlerOptions{Level: &o.level, ReplaceAttr: hclogKeys})})
	return o
}

// Write implements io.Writer for whole lines.
func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.secrets) == 0 {
		return o.to.Write(line)
	}
	if _, err := io.WriteString(o.to, o.redactor.Text(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

func (o *output) setLevel(name string) { o.level.Set(levelOf(name)) }

// follow takes the level that a host names in a call, if it does.
func (o *output) follow(name string) {
	if name != "" {
		o.setLevel(name)
	}
}

// redact adds secrets that must not leave from now on.
func (o *output) redact(secrets []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.secrets = append(o.secrets, secrets...)
	o.redactor = redact.New(o.secrets...)
}

func (o *output) clean(s string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.redactor.Text(s)
}

// cleanError removes secrets from an error's text and keeps its class.
func (o *output) cleanError(err error) error {
	said := err.Error()
	clean := o.clean(said)
	if clean == said {
		return err
	}
	out := &contract.Error{Class: contract.ClassOf(err), Err: cleaned(clean)}
	if classed, ok := errors.AsType[*contract.Error](err); ok {
		out.After, out.Stale, out.Remedy = classed.After, classed.Stale, o.clean(classed.Remedy)
		if out.Remedy != "" {
			out.Err = cleaned(strings.Replace(clean, " ("+out.Remedy+")", "", 1))
		}
	}
	return out
}

type cleaned string

func (c cleaned) Error() string { return string(c) }

// hclogKeys names time, level and message as hclog does. Attributes of the same
// names arrive marked.
func hclogKeys(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString && len(a.Value.String()) > maxLogText {
		a.Value = slog.StringValue(text.Cut(a.Value.String(), maxLogText))
	}
	if key, ok := strings.CutPrefix(a.Key, apartMark); ok {
		a.Key = key
		return a
	}
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String("@timestamp", a.Value.Time().Format("2006-01-02T15:04:05.000000Z07:00"))
	case slog.LevelKey:
		return slog.String("@level", strings.ToLower(a.Value.String()))
	case slog.MessageKey:
		a.Key = "@message"
	}
	return a
}

// apart keeps a line's own time, level and message apart from attributes of the
// same names, which ReplaceAttr cannot tell from them: it marks those.
type apart struct{ slog.Handler }

const apartMark = "\x00"

func mark(a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, slog.LevelKey, slog.MessageKey:
		a.Key = apartMark + a.Key
	case "@timestamp", "@level", "@message", "@module":
		a.Key = apartMark + a.Key[1:]
	}
	return a
}

func (h apart) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	for a := range r.Attrs {
		out.AddAttrs(mark(a))
	}
	return h.Handler.Handle(ctx, out)
}

func (h apart) WithAttrs(attrs []slog.Attr) slog.Handler {
	marked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		marked[i] = mark(a)
	}
	return apart{h.Handler.WithAttrs(marked)}
}

func (h apart) WithGroup(name string) slog.Handler { return apart{h.Handler.WithGroup(name)} }
