package catalog

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// forget empties the cache, as in a new process.
func forget() {
	fileCache.mu.Lock()
	defer fileCache.mu.Unlock()
	fileCache.files = map[identity]examined{}
}

// TestLoadDigests checks that a second process uses the saved hash of an unchanged file and
// reads a file again that was written or replaced.
func TestLoadDigests(t *testing.T) {
	defer func(before time.Duration) { minAge = before }(minAge)
	minAge = 0
	defer forget()
	dir := t.TempDir()
	path, list := filepath.Join(dir, "prover-x"), filepath.Join(dir, "digests.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sum := func() string {
		t.Helper()
		f, err := examine(path, false)
		if err != nil {
			t.Fatal(err)
		}
		return hexSum(f.sum)
	}
	write("one")
	forget()
	one := sum()
	if err := SaveDigests(list); err != nil {
		t.Fatal(err)
	}

	// The hash comes from the file: a wrong one shows it.
	text, err := os.ReadFile(list)
	if err != nil || strings.Count(string(text), one) != 1 {
		t.Fatalf("%s, %v", text, err)
	}
	wrong := strings.Repeat("ab", 32)
	if err := os.WriteFile(list, []byte(strings.ReplaceAll(string(text), one, wrong)), 0o600); err != nil {
		t.Fatal(err)
	}
	forget()
	LoadDigests(list)
	if got := sum(); got != wrong {
		t.Errorf("%s, want the saved %s", got, wrong)
	}

	// After a new start of the system every file is read.
	text, err = os.ReadFile(list)
	if err != nil || strings.Count(string(text), bootID()) != 1 {
		t.Fatalf("%s, %v", text, err)
	}
	if err := os.WriteFile(list, []byte(strings.Replace(string(text), bootID(), "another", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	forget()
	LoadDigests(list)
	if got := sum(); got != one {
		t.Errorf("%s, want %s", got, one)
	}
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}

	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"written to, with its old time": func() {
			write("two")
			if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func() {
			other := filepath.Join(dir, "other")
			if err := os.WriteFile(other, []byte("two"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		forget()
		LoadDigests(list)
		change()
		if got := sum(); got == wrong || got == one {
			t.Errorf("a file that was %s has the old hash", name)
		}
	}
	for _, damaged := range []string{"", "{", `[{"path":"x","sha256":"00"}]`, `{"version":2}`} {
		if err := os.WriteFile(list, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		forget()
		LoadDigests(list)
		if got := sum(); got == wrong {
			t.Errorf("%q", damaged)
		}
	}

	// Only what is still so is kept.
	LoadDigests(list)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	var left savedCache
	if err := SaveDigests(list); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(list); err != nil || json.Unmarshal(text, &left) != nil || len(left.Files) != 0 {
		t.Errorf("%s, %v", text, err)
	}
}
