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

// output is the process's log. Each line is JSON with the keys of hclog, which every
// go-plugin host understands, and goes to the original standard error. Secrets that
// were given to redact are removed. It is safe for concurrent use.
type output struct {
	logger *slog.Logger
	level  slog.LevelVar

	mu       sync.Mutex
	to       io.Writer
	secrets  []string
	redactor *redact.Redactor
}

// newTextOutput returns a log for people, with lines of plain text.
func newTextOutput(to io.Writer) *output {
	o := &output{to: to}
	o.logger = slog.New(slog.NewTextHandler(o, &slog.HandlerOptions{Level: &o.level}))
	return o
}

// newOutput returns a log for the host.
func newOutput(to io.Writer) *output {
	o := &output{to: to}
	o.logger = slog.New(markingHandler{slog.NewJSONHandler(o, &slog.HandlerOptions{Level: &o.level, ReplaceAttr: hclogKeys})})
	return o
}

// Write implements io.Writer. Each call must hold whole lines, so that no secret is split.
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

// follow sets the level that a host names in a call. An empty name changes nothing.
func (o *output) follow(name string) {
	if name != "" {
		o.setLevel(name)
	}
}

// redact adds secrets that are removed from every line from now on.
func (o *output) redact(secrets []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.secrets = append(o.secrets, secrets...)
	o.redactor = redact.New(o.secrets...)
}

// clean returns the text without the secrets.
func (o *output) clean(s string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.redactor.Text(s)
}

// cleanError removes secrets from an error's text and keeps its class.
func (o *output) cleanError(err error) error {
	message := err.Error()
	clean := o.clean(message)
	if clean == message {
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

// cleaned is the text of an error without secrets.
type cleaned string

func (c cleaned) Error() string { return string(c) }

// hclogKeys gives a line's time, level and message the keys that hclog uses. Attributes
// with the same keys come from markingHandler with a mark, which hclogKeys removes.
func hclogKeys(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString && len(a.Value.String()) > maxLogText {
		a.Value = slog.StringValue(text.Cut(a.Value.String(), maxLogText))
	}
	if key, ok := strings.CutPrefix(a.Key, attrMark); ok {
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

// markingHandler marks the attributes whose keys are those of a line's own time, level
// and message. ReplaceAttr could not distinguish the two otherwise.
type markingHandler struct{ slog.Handler }

// attrMark stands before the key of a marked attribute.
const attrMark = "\x00"

func mark(a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, slog.LevelKey, slog.MessageKey:
		a.Key = attrMark + a.Key
	case "@timestamp", "@level", "@message", "@module":
		a.Key = attrMark + a.Key[1:]
	}
	return a
}

// Handle implements slog.Handler.
func (h markingHandler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	for a := range r.Attrs {
		out.AddAttrs(mark(a))
	}
	return h.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h markingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	marked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		marked[i] = mark(a)
	}
	return markingHandler{h.Handler.WithAttrs(marked)}
}

// WithGroup implements slog.Handler.
func (h markingHandler) WithGroup(name string) slog.Handler {
	return markingHandler{h.Handler.WithGroup(name)}
}
