package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

func TestReplaceShowsOldOrNewContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	if err := Write(path, 0o640, []byte("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Replace(path, 0o600, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		if got, _ := os.ReadFile(path); string(got) != "old" {
			t.Errorf("while the new content is written the file holds %q", got)
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the error of the writer became %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("after a failed write the file holds %q", got)
	}
	missing := filepath.Join(dir, "none", "state")
	if err := Write(missing, 0o600, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("in a directory that is not there: %v", err)
	}
	if err := WriteJSON(path, 0o644, map[string]string{"a": "<b>"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "{\n  \"a\": \"<b>\"\n}\n" {
		t.Errorf("WriteJSON wrote %q", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	to := filepath.Join(dir, "other")
	if err := Rename(path, to); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 || entries[0].Name() != "other" {
		t.Errorf("the directory holds %v, want only the renamed file", entries)
	}
}

// TestReplaceIgnoresTMPDIR: the temporary file lies beside the target, where it is
// found again after a crash and where the rename cannot cross file systems.
func TestReplaceIgnoresTMPDIR(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", elsewhere)
	err := Replace(filepath.Join(dir, "state"), 0o600, func(io.Writer) error {
		if beside, _ := os.ReadDir(dir); len(beside) != 1 || !strings.HasPrefix(beside[0].Name(), ".state") {
			t.Errorf("beside the target lies %v", beside)
		}
		return nil
	})
	if left, _ := os.ReadDir(elsewhere); err != nil || len(left) > 0 {
		t.Errorf("%v, %v in TMPDIR", err, left)
	}
}

func TestDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if size, sum, err := Digest(path); err != nil || size != 3 || sum != sha256.Sum256([]byte("abc")) {
		t.Errorf("%d, %x, %v", size, sum, err)
	}
	if _, _, err := Digest(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a missing file: %v", err)
	}
	if _, _, err := Digest(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), filepath.Dir(path)) {
		t.Errorf("of a directory: %v", err)
	}
}

func TestFault(t *testing.T) {
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO, syscall.EMFILE,
		syscall.ENFILE, syscall.EACCES, syscall.EPERM} {
		err := Fault(fmt.Errorf("write: %w", errno), "/data")
		classed, ok := errors.AsType[*contract.Error](err)
		if !ok || classed.Class != contract.ClassEnvironment || classed.Remedy == "" || !errors.Is(err, errno) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	if err := Fault(syscall.ENOENT, "/data"); err != syscall.ENOENT {
		t.Errorf("ENOENT became %v", err)
	}
	if err := Fault(contract.Permanent(syscall.EIO), "/data"); contract.ClassOf(err) != contract.ClassPermanent {
		t.Errorf("a permanent error became %s", contract.ClassOf(err))
	}
	if err := Fault(nil, "/data"); err != nil {
		t.Errorf("nil became %v", err)
	}
}
