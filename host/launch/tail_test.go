package launch

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTailKeepsTheLastLinesWithoutSecrets(t *testing.T) {
	kept := newTail([]string{`pa"ss word`, "tiny", ""})
	var seen strings.Builder
	log := newLineLog(slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug})), slog.LevelError)
	log.tail = kept
	for i := range tailLength + 7 {
		log.line(fmt.Appendf(nil, "line %d", i))
	}
	log.line([]byte(`plain pa"ss word, https://host/pa%22ss+word and tiny`))
	log.line([]byte(`{"@level":"info","@message":"the key is pa\"ss word","n":1}`))
	log.line([]byte(`{"@level":"error","@message":"it is p\u0061\"ss word","deep":{"er":["\u0070a\"ss word"]},"\u0070a\"ss word":1}`))
	log.line([]byte(strings.Repeat("long ", 10_000)))

	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "target")
	if err := os.Symlink(outside, filepath.Join(dir, LogFile)); err != nil { // as a malicious plugin may do
		t.Fatal(err)
	}
	for range 2 { // the second replaces the first
		if err := kept.write(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("a link was followed out of the attempt's directory")
	}
	text, err := os.ReadFile(filepath.Join(dir, LogFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != tailLength || !strings.HasSuffix(lines[0], " line 11") || len(lines[tailLength-1]) > maxPlain+40 {
		t.Errorf("%d lines from %q to one of %d bytes", len(lines), lines[0], len(lines[len(lines)-1]))
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", strings.Fields(lines[0])[0]); err != nil {
		t.Error(err)
	}
	want := "plain [redacted], https://host/[redacted] and tiny"
	if !strings.HasSuffix(lines[tailLength-4], want) || !strings.Contains(seen.String(), want) {
		t.Errorf("kept %q, logged\n%s", lines[tailLength-4], seen.String())
	}
	want = "error: it is [redacted] deep=map[er:[[redacted]]] [redacted]=1"
	if !strings.HasSuffix(lines[tailLength-2], want) || !strings.Contains(log.exitReason(), want) {
		t.Errorf("kept %q, last %q", lines[tailLength-2], log.exitReason())
	}
	for place, text := range map[string]string{"kept lines": string(text), "log": seen.String(), "last words": log.exitReason()} {
		if strings.Contains(text, "ss word") || strings.Contains(text, "ss+word") {
			t.Errorf("a secret is in the %s", place)
		}
	}
}

func TestTailOfAQuietPlugin(t *testing.T) {
	dir := t.TempDir()
	if err := newTail(nil).write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, LogFile)); err == nil {
		t.Error("an empty log was written")
	}
}
