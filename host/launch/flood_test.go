package launch

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFlood: a plugin that writes without end does not fill the log. Its warnings are
// logged in spite of the other lines, dropped lines are counted, and a minute later lines
// are logged again.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		l := newLineLog(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), slog.LevelError)
		for i := range 100_000 {
			l.line(fmt.Appendf(nil, "line %d", i))
		}
		l.line([]byte(`{"@level":"error","@message":"the card is gone"}`))
		if n := strings.Count(log.String(), "msg=\"line "); n != allowances[0].lines {
			t.Errorf("%d lines of a flood are logged, want %d", n, allowances[0].lines)
		}
		if !strings.Contains(log.String(), "the card is gone") {
			t.Error("an error is lost in the flood")
		}
		time.Sleep(floodWindow)
		l.line([]byte("quiet again"))
		if text := log.String(); !strings.Contains(text, "98800 lines are left out") || !strings.Contains(text, "quiet again") {
			t.Errorf("after a minute: %s", text[len(text)-300:])
		}
	})
}

// TestFloodOfBytes: the sum of the sizes of a few large lines is limited, and the size of
// each line, too.
func TestFloodOfBytes(t *testing.T) {
	var log bytes.Buffer
	l := newLineLog(slog.New(slog.NewTextHandler(&log, nil)), slog.LevelError)
	long := strings.Repeat("x", 60_000)
	for range 1000 {
		l.line([]byte(`{"@level":"info","@message":"` + long + `","key":"` + long + `"}`))
	}
	if log.Len() > 3*allowances[1].bytes {
		t.Errorf("%d bytes of 120 MB are logged", log.Len())
	}
	if first, _, _ := strings.Cut(log.String(), "\n"); len(first) > 3*maxPlain {
		t.Errorf("one line has %d bytes", len(first))
	}
	l.end()
	if !strings.Contains(log.String(), "lines are left out") {
		t.Error("the end of the plugin does not say what was left out")
	}
}
