package launch

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/proofline/proofline/host/keeper"
)

func TestLines(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"@level":"info","@message":"up","@timestamp":"2026-01-02T03:04:05.000000Z","port":4000,"a":{"b":[1]}}`, "INFO up a=map[b:[1]] port=4000"},
		{`{"@level":"warn","@message":"slow","@module":"rpc"}`, "WARN slow module=rpc"},
		{`{"@level":"error","@message":"gone"}`, "ERROR gone"},
		{`{"@level":"trace","@message":"x"}`, "DEBUG-4 x"},
		{`{"@message":"no level"}`, "DEBUG no level"},
		{`{"@message":5}`, `DEBUG {"@message":5}`},
		{`{"level":"info","msg":"a tool's"}`, `DEBUG {"level":"info","msg":"a tool's"}`},
		{`{"@message":"cut`, `DEBUG {"@message":"cut`},
		{"plain \xff text", "DEBUG plain � text"},
		{`null`, "DEBUG null"},
		{"   ", ""},
	} {
		records := &recorder{}
		newLineLog(slog.New(records), slog.LevelError).line([]byte(c.line))
		if got := strings.Join(records.texts, "\n"); got != c.want {
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
	}
}

func TestExitReason(t *testing.T) {
	l := newLineLog(slog.New(slog.DiscardHandler), slog.LevelError)
	for _, line := range []string{"one", `{"@level":"info","@message":"quiet"}`, `{"@level":"error","@message":"bad","code":3}`} {
		l.line([]byte(line))
	}
	if got := l.exitReason(); got != "one\nerror: bad code=3" {
		t.Errorf("%q", got)
	}
	if got := l.panic(); got != "" {
		t.Errorf("%q", got)
	}
	l.line([]byte("panic: only quoted"))
	l.line([]byte(`{"@level":"info","@message":"alive"}`))
	l.line([]byte("panic: boom"))
	for range 2 * stackLimit {
		l.line([]byte("goroutine 1"))
	}
	if got := l.exitReason(); got != "panic: boom" {
		t.Errorf("%q", got)
	}
	if got := l.panic(); !strings.HasPrefix(got, "panic: boom\ngoroutine 1") || strings.Count(got, "\n") != stackLimit-1 {
		t.Errorf("%q", got)
	}
}

func TestEnvironment(t *testing.T) {
	run := &Run{ID: "R", Instance: "I"}
	got := environment(
		nil, []string{"PATH=/bin", "LC_ALL=C", "TOKEN=x", "ZISK_A=1", "ZISK=2", keeper.EnvRunID + "=old", "PLUGIN_MIN_PORT=9"},
		[]string{"ZISK_*"}, []string{"PLUGIN_MIN_PORT=1"}, run, "prove")
	want := []string{"PATH=/bin", "LC_ALL=C", "ZISK_A=1", "PLUGIN_MIN_PORT=1",
		keeper.EnvInstance + "=I", keeper.EnvRunID + "=R", keeper.EnvStage + "=prove"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestSockets(t *testing.T) {
	base, err := os.MkdirTemp("", "p-") // short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	t.Setenv("XDG_RUNTIME_DIR", base)
	note := filepath.Join(t.TempDir(), "sockets")

	dir, err := openSocketDir("0123456789abcdef", note)
	if err != nil || dir != filepath.Join(base, "proofline-0123456789abcdef") || !isPrivate(dir) {
		t.Fatalf("%s %v", dir, err)
	}
	old := filepath.Join(dir, "plugin-dir1")
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	if again, err := openSocketDir("0123456789abcdef", note); err != nil || again != dir {
		t.Fatalf("%s %v", again, err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("what an earlier run has left is still there")
	}

	// Others may enter the directory: not there.
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", base)
	other, err := openSocketDir("0123456789abcdef", note)
	if err != nil || other == dir || !isPrivate(other) {
		t.Fatalf("%s %v", other, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory that was noted is still there")
	}

	long := filepath.Join(base, strings.Repeat("x", 60))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	if _, err := openSocketDir("0123456789abcdef", note); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(long); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestSocketsAreClearedAway: the directory of a login session is removed with the session,
// and plugins can still be started after that.
func TestSocketsAreClearedAway(t *testing.T) {
	base, err := os.MkdirTemp("", "p-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	t.Setenv("XDG_RUNTIME_DIR", base)
	run, err := OpenRun(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{run.Sockets, base} {
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
		dir, err := run.SocketDir()
		if err != nil || !isPrivate(dir) || (dir == run.Sockets) != (gone == run.Sockets) {
			t.Errorf("without %s: %s %v", gone, dir, err)
		}
		if again, err := run.SocketDir(); err != nil || again != dir {
			t.Errorf("%s %v", again, err)
		}
	}
	dir, _ := run.SocketDir()
	if err := run.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s outlives the run", dir)
	}
}

func FuzzLine(f *testing.F) {
	for _, line := range []string{"plain", "{", "null", `{"@message":5}`, `{"@message":"m","@level":"info","a":{"b":null}}`,
		`{"@message":"m","@level":7,"@timestamp":"x","":1}`, "\xff\xfe"} {
		f.Add([]byte(line))
	}
	log := newLineLog(slog.New(slog.DiscardHandler), slog.LevelError)
	f.Fuzz(func(t *testing.T, line []byte) {
		log.line(line)
		if _, ok := parseEntry(line); ok && line[0] != '{' {
			t.Errorf("%q is an entry", line)
		}
	})
}

// recorder keeps log records as text: "LEVEL message key=value".
type recorder struct {
	mu    sync.Mutex
	texts []string
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r *recorder) WithAttrs([]slog.Attr) slog.Handler { return r }

func (r *recorder) WithGroup(string) slog.Handler { return r }

func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	text := record.Level.String() + " " + record.Message
	for a := range record.Attrs {
		text += " " + a.String()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
	return nil
}

func (r *recorder) has(match func(string) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.texts, match)
}
