package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestConsole(t *testing.T) {
	var b bytes.Buffer
	h := &console{mu: &sync.Mutex{}, out: &b, level: slog.LevelInfo}
	log := slog.New(h)
	for _, c := range []struct {
		say  func()
		want string
	}{
		{func() { log.Debug("not shown") }, ""},
		{func() { log.Info("running", "pipeline", "mainnet") }, "                 running  pipeline=mainnet\n"},
		{func() { log.With("stage", "prove").Warn("the card is busy", "wait", 3*time.Second) }, "WARN  prove      the card is busy  wait=3s\n"},
		{func() { log.Error("gone", "stage", "a-long-stage-name", "error", errors.New("no such file")) },
			"ERROR a-long-stage-name gone  error=\"no such file\"\n"},
		{func() { log.WithGroup("geth").With("n", 7).Info("x", "stage", "inner", slog.Group("g", "a", "")) },
			"                 x  geth.n=7 geth.stage=inner geth.g.a=\"\"\n"},
		{func() { log.Info("a\x1b[2Jb\nc \"d\"", "k", "\x07") }, "                 a\\x1b[2Jb\\nc \"d\"  k=\"\\a\"\n"},
		{func() { log.Info("größer →", "path", "/tmp/ä") }, "                 größer →  path=/tmp/ä\n"},
		{func() { log.Info("x", slog.Attr{}, slog.Group("", "a", 1)) }, "                 x  a=1\n"},
	} {
		b.Reset()
		c.say()
		got := b.String()
		if got != "" {
			got = got[len("15:04:05 "):]
		}
		if got != c.want {
			t.Errorf("got\n%q, want\n%q", got, c.want)
		}
	}
}

// TestConsoleKeepsTheLineBelow: a log record appears above the progress line.
func TestConsoleKeepsTheLineBelow(t *testing.T) {
	var b bytes.Buffer
	h := &console{mu: &sync.Mutex{}, line: &progressLine{}, out: &b, level: slog.LevelInfo}
	h.show("prove 7")
	b.Reset()
	slog.New(h).With("stage", "prove").Info("x")
	if got := b.String(); !strings.HasPrefix(got, "\r\x1b[K") || !strings.HasSuffix(got, "prove      x\nprove 7") {
		t.Errorf("%q", got)
	}
	h.show("")
	b.Reset()
	slog.New(h).Info("y")
	if got := b.String(); strings.Contains(got, "\x1b") || !strings.HasSuffix(got, "y\n") {
		t.Errorf("%q", got)
	}
}
