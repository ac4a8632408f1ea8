package target

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	file := &File{Path: path}
	var running sync.WaitGroup
	for i := range 20 {
		running.Go(func() {
			if err := file.Append(fmt.Appendf(nil, `{"n":%d,"pad":%q}`, i, strings.Repeat("x", 10_000))); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	if len(lines) != 20 {
		t.Fatalf("%d lines, want 20", len(lines))
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"n":`) || !strings.HasSuffix(line, `x"}`) {
			t.Errorf("torn line %.40s", line)
		}
	}
	if info, _ := os.Stat(path); info.Mode().Perm()&0o007 != 0 {
		t.Errorf("others may read it: %v", info.Mode())
	}

	// A process that was cut off left half a line; then the file was rotated.
	if err := os.WriteFile(path, []byte("{\"n\":1}\n{\"n\":"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = file.Append([]byte("{}"))
	if content, _ := os.ReadFile(path); string(content) != "{\"n\":1}\n{\"n\":\n{}\n" {
		t.Errorf("after half a line: %q", content)
	}
	_ = os.Rename(path, path+".1")
	if err := file.Append([]byte("{}")); err != nil {
		t.Error(err)
	}
	if content, _ := os.ReadFile(path); string(content) != "{}\n" {
		t.Errorf("after rotation: %q", content)
	}
}

func TestAppendFails(t *testing.T) {
	missing := &File{Path: filepath.Join(t.TempDir(), "none", "events")}
	if err := missing.Append(nil); sdk.ClassOf(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), missing.Path) {
		t.Errorf("missing directory: %v", err)
	}
	full := &File{Path: "/dev/full"}
	if _, err := os.Stat(full.Path); err == nil {
		if err := full.Append([]byte("{}")); sdk.ClassOf(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "make room") {
			t.Errorf("full disk: %v", err)
		}
	}
}

func TestFeed(t *testing.T) {
	t.Setenv("ETHPROOFS_API_KEY", "verysecret")
	dir := t.TempDir()
	seen := filepath.Join(dir, "seen")
	command := &Command{Argv: []string{"/bin/sh", "-c", `cat >"$1"; env >>"$1"; echo "$2" >>"$1"`, "sh", seen, "two words; $(touch /tmp/never)"}, Timeout: 10 * time.Second}
	if err := command.Feed(t.Context(), []byte(`{"n":1}`), dir, []string{"PROOFLINE_EVENT=proved"}, 1); err != nil {
		t.Fatal(err)
	}
	content, _ := os.ReadFile(seen)
	lines := strings.Split(string(content), "\n")
	if lines[0] != `{"n":1}` || !slices.Contains(lines, "PROOFLINE_EVENT=proved") || !slices.Contains(lines, "two words; $(touch /tmp/never)") ||
		strings.Contains(string(content), "verysecret") {
		t.Errorf("the command saw %q", content)
	}
}

func TestFeedFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		argv  []string
		class sdk.Class
		says  string
	}{
		{"exit code", []string{"/bin/sh", "-c", "echo the pager is off >&2; exit 3"}, sdk.ClassRetryable, "exit code 3: the pager is off"},
		{"not there", []string{"/nonexistent/notify"}, sdk.ClassEnvironment, "/nonexistent/notify cannot be run"},
		{"too long", []string{"sleep", "60"}, sdk.ClassRetryable, "was stopped after 300ms"},
	} {
		command := &Command{Argv: c.argv, Timeout: 300 * time.Millisecond}
		if c.name != "too long" {
			command.Timeout = 10 * time.Second
		}
		err := command.Feed(t.Context(), []byte("{}"), t.TempDir(), nil, 1)
		if sdk.ClassOf(err) != c.class || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v, want %s that says %q", c.name, err, c.class, c.says)
		}
	}
}

// A disk that is full in the middle of a line: nothing of it is left. The limit of
// the size of files stands for the disk; the kernel writes as far as it goes.
func TestAppendLeavesNoPart(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	file := &File{Path: filepath.Join(t.TempDir(), "events")}
	if err := file.Append([]byte(`{"n":1}`)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = uint64(len(before) + 4)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	failed := file.Append([]byte(`{"n":2,"text":"longer than what is left"}`))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(file.Path)
	if err != nil || failed == nil || string(after) != string(before) {
		t.Errorf("%v; the file holds %q, want %q; %v", failed, after, before, err)
	}
	if err := file.Append([]byte(`{"n":2}`)); err != nil {
		t.Error(err)
	}
	if after, _ = os.ReadFile(file.Path); string(after) != string(before)+"{\"n\":2}\n" {
		t.Errorf("afterwards %q", after)
	}
}
