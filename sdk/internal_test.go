package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/sdk/wire"
)

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beats := 0
		e := &emitter{send: func(event WorkEvent) error {
			if event.Progress == nil || event.Progress.Phase != "" {
				t.Errorf("no bare heartbeat: %+v", event)
			}
			beats++
			return nil
		}}
		stop := e.startHeartbeats()
		time.Sleep(5*wire.HeartbeatInterval + time.Second)
		stop()
		stop()
		if beats != 6 {
			t.Errorf("%d heartbeats in five intervals and a bit, want 6", beats)
		}
		time.Sleep(5 * wire.HeartbeatInterval)
		e.progress(Progress{Phase: "LATE"})
		if err := e.event(WorkEvent{Resume: []byte{}}); err == nil || beats != 6 {
			t.Errorf("an event after the end: %v, %d heartbeats", err, beats)
		}
	})
}

func TestProgressIsThinnedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var phases []string
		e := &emitter{send: func(event WorkEvent) error { phases = append(phases, event.Progress.Phase); return nil }}
		for range 10 {
			e.progress(Progress{Phase: "A"})
			time.Sleep(progressInterval / 4)
		}
		e.progress(Progress{Phase: "B"})
		if got := strings.Join(phases, ""); got != "AAAB" {
			t.Errorf("phases %s", got)
		}
	})
}

func TestSendErrorEndsTheEvents(t *testing.T) {
	gone, sends := errors.New("gone"), 0
	e := &emitter{send: func(WorkEvent) error { sends++; return gone }}
	for range 3 {
		if err := e.event(WorkEvent{Resume: []byte{}}); !errors.Is(err, gone) {
			t.Error(err)
		}
	}
	if sends != 1 {
		t.Errorf("%d sends on a stream that is gone", sends)
	}
}

// What is cleaned of secrets keeps all that the host acts on.
func TestCleanedErrorsKeepTheirClass(t *testing.T) {
	o := newOutput(io.Discard)
	o.redact([]string{"s3cret-key"})
	for _, err := range []*Error{
		{Class: ClassRetryable, Stale: []string{ArtifactWitness}, Err: errors.New("bad witness of https://node/s3cret-key")},
		{Class: ClassEnvironment, After: 7 * time.Second, Remedy: "ask whoever gave you s3cret-key", Err: errors.New("s3cret-key is expired")},
	} {
		clean, ok := errors.AsType[*Error](o.cleanError(fmt.Errorf("fetch: %w", err)))
		if !ok || clean.Class != err.Class || clean.After != err.After || !slices.Equal(clean.Stale, err.Stale) || (clean.Remedy == "") != (err.Remedy == "") {
			t.Errorf("%+v became %+v", err, clean)
		}
		if strings.Contains(clean.Error(), "s3cret-key") {
			t.Error(clean)
		}
	}
}

func TestInterrupted(t *testing.T) {
	running := t.Context()
	ended, cancel := context.WithCancelCause(running)
	cancel(errors.New("the host ended the plugin"))
	tool := errors.New("tool ended with signal 15")
	tests := []struct {
		ctx  context.Context
		err  error
		want Class
	}{
		{running, tool, ClassRetryable},
		{running, context.Canceled, ClassRetryable},
		{ended, tool, ClassInterrupted},
		{ended, context.Canceled, ClassInterrupted},
		{ended, Permanent(tool), ClassPermanent},
	}
	for _, test := range tests {
		got := interrupted(test.ctx, test.err)
		if ClassOf(got) != test.want || !errors.Is(got, test.err) {
			t.Errorf("%v: %v of class %s, want %s", test.err, got, ClassOf(got), test.want)
		}
	}
}

func TestLogLines(t *testing.T) {
	var b bytes.Buffer
	o := newOutput(&b)
	o.setLevel("warn")
	o.redact([]string{"s3cr/et\"x", "abc"})
	o.logger.Info("not shown")
	o.logger.Error("a message", "url", "https://h/s3cr%2Fet%22x", "plain", `s3cr/et"x`, "short", "abc", "long", strings.Repeat("x", 1<<20),
		slog.Group("g", "level", 5))
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, b.String())
	}
	for _, key := range []string{"@timestamp", "@level", "@message"} {
		if line[key] == nil {
			t.Errorf("no %s in %s", key, b.String())
		}
	}
	if line["@level"] != "error" || line["url"] != "https://h/[redacted]" || line["plain"] != "[redacted]" || line["short"] != "abc" {
		t.Errorf("line %v", line)
	}
	if n := b.Len(); n > 16<<10 {
		t.Errorf("a line of %d bytes", n)
	}
}

// Attributes may have any name; the line's own time, level and message stay.
func TestLogAttributesOfTheSameNames(t *testing.T) {
	var b bytes.Buffer
	newOutput(&b).logger.With("time", time.Second, "@level", "x").WithGroup("g").With("msg", 1).
		Info("hello", "time", 2, "level", 3, "msg", "other", "@message", "third")
	newOutput(&b).logger.Info("bye", "time", 2*time.Second, "level", 3, "msg", 4, "@message", 5)
	for text, want := range map[string]string{"hello": `"time":1000000000`, "bye": `"level":3`} {
		var found bool
		for line := range strings.Lines(b.String()) {
			if !strings.Contains(line, text) {
				continue
			}
			found = true
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Error(err)
			}
			if fields["@message"] != text || fields["@level"] != "info" || strings.Count(line, `"@message"`) != 1 || !strings.Contains(line, want) {
				t.Error(line)
			}
		}
		if !found {
			t.Errorf("no line with %q", text)
		}
	}
}

func TestCleanErrorKeepsTheClass(t *testing.T) {
	o := newOutput(&bytes.Buffer{})
	o.redact([]string{"hunter2"})
	err := o.cleanError(&Error{Class: ClassEnvironment, Err: errors.New("no answer from hunter2"), After: time.Minute, Remedy: "look at hunter2"})
	classed, ok := errors.AsType[*Error](err)
	if !ok || classed.Class != ClassEnvironment || classed.After != time.Minute || classed.Remedy != "look at [redacted]" ||
		err.Error() != "no answer from [redacted] (look at [redacted])" {
		t.Errorf("%+v", err)
	}
	if plain := errors.New("x"); o.cleanError(plain) != plain {
		t.Error("an error without a secret was changed")
	}
}
