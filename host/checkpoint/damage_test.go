package checkpoint

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/sdk/contract"
)

// oneIn returns n, or 1 with PROOFLINE_LONG. A test tries one of so many kinds of damage.
func oneIn(n int) int {
	if os.Getenv("PROOFLINE_LONG") != "" {
		return 1
	}
	return n
}

// sound makes an intact file with records and without free space at its end. It returns the
// file, its content and the size of its pages. With churn the file has branch pages,
// overflow pages and a long list of free pages.
func sound(t testing.TB, churn bool) (file []byte, want map[string]string, pageSize int) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "checkpoint.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	populate(t, s)
	if churn {
		churnUp(t, s)
	}
	want, pageSize = content(t, s), s.db.Info().PageSize
	if err := s.Backup(filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	file, err = os.ReadFile(filepath.Join(dir, "copy.db"))
	if err != nil {
		t.Fatal(err)
	}
	return file, want, pageSize
}

// refusedOrEqual opens a damaged file. Either its content must be unchanged, or the file
// must be refused with the remedies and left unchanged.
func refusedOrEqual(t *testing.T, path string, file []byte, want map[string]string, what string) (refused bool) {
	t.Helper()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err == nil {
		defer s.Close()
		if got := content(t, s); !maps.Equal(want, got) {
			t.Errorf("%s: opened, with other content: %s", what, cmp.Diff(want, got))
		}
		return false
	}
	if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, "backup") {
		t.Errorf("%s: %q names neither the file nor the way out", what, err)
	}
	for _, word := range []string{"panic", "goroutine", "fatal error", "SIGSEGV"} {
		if strings.Contains(err.Error(), word) {
			t.Errorf("%s: %q reads like a crash of the program", what, err)
		}
	}
	if contract.ClassOf(err) != contract.ClassEnvironment && !strings.Contains(err.Error(), "upgrade proofline") {
		t.Errorf("%s: %v is of class %s", what, err, contract.ClassOf(err))
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(file) {
		t.Errorf("%s: the damaged file was changed, %v", what, err)
	}
	if report, err := Check(path); err == nil && len(report.Problems) == 0 {
		t.Errorf("%s: refused, but sound to Check", what)
	}
	return true
}

func TestTruncatedAtEveryPage(t *testing.T) {
	file, want, pageSize := sound(t, false)
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	for end := len(file) - pageSize; end >= 0; end -= oneIn(14) * pageSize {
		for _, end := range []int{end, end + 1, end + pageSize/2} {
			if !refusedOrEqual(t, path, file[:end], want, "cut off") {
				t.Errorf("opened after %d of %d bytes", end, len(file))
			}
		}
	}
	if refusedOrEqual(t, path, append(file, make([]byte, 5000)...), want, "longer") {
		t.Error("refused with zeros behind its end")
	}
}

// TestEveryFlippedByteIsNoticed checks that changed bytes and overwritten pages are found.
func TestEveryFlippedByteIsNoticed(t *testing.T) {
	for name, churn := range map[string]bool{"small": false, "churned": true} {
		t.Run(name, func(t *testing.T) {
			file, want, pageSize := sound(t, churn)
			path := filepath.Join(t.TempDir(), "checkpoint.db")
			random := rand.New(rand.NewPCG(1, 2))
			pages, refused, tries := len(file)/pageSize, 0, 0
			perPage, stride := 3, max(1, oneIn(pages/4))
			damage := func(what string, change func(page []byte)) {
				for id := random.IntN(stride); id < pages; id += stride {
					changed := append([]byte{}, file...)
					change(changed[id*pageSize : (id+1)*pageSize])
					tries++
					if refusedOrEqual(t, path, changed, want, what) {
						refused++
					}
				}
			}
			for range perPage {
				damage("a flipped bit", func(page []byte) { page[random.IntN(pageSize)] ^= 1 << random.IntN(8) })
				damage("a flipped bit in the header", func(page []byte) { page[random.IntN(96)] ^= 1 << random.IntN(8) })
				damage("a random byte", func(page []byte) { page[random.IntN(pageSize/4)] = byte(random.Uint32()) })
			}
			damage("a page of zeros", func(page []byte) { clear(page) })
			damage("a page of another place", func(page []byte) { copy(page, file[5*pageSize:6*pageSize]) })
			damage("a sector of zeros", func(page []byte) { clear(page[512:1024]) })
			damage("random bytes", func(page []byte) {
				for i := range page {
					page[i] = byte(random.Uint32())
				}
			})
			t.Logf("%d pages, damaged %d times: %d refused, the others hold the same", pages, tries, refused)
			if refused < tries/4 {
				t.Error("hardly any damage is noticed")
			}
		})
	}
}

// TestOldStateIsNoticed checks that intact pages of an earlier transaction are found.
func TestOldStateIsNoticed(t *testing.T) {
	old, _, pageSize := sound(t, false)
	file, want, _ := sound(t, true)
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	for id := 2; id < len(old)/pageSize; id += oneIn(10) {
		changed := append([]byte{}, file...)
		copy(changed[id*pageSize:], old[id*pageSize:(id+1)*pageSize])
		refusedOrEqual(t, path, changed, want, "a page of the past")
	}
}

func FuzzPages(f *testing.F) {
	file, want, pageSize := sound(f, false)
	f.Add(uint32(0), []byte{1}, uint32(3*pageSize))
	f.Add(uint32(2*pageSize+10), []byte{255, 255, 1}, uint32(len(file)))
	f.Fuzz(func(t *testing.T, at uint32, over []byte, end uint32) {
		changed := append([]byte{}, file...)
		copy(changed[int(at)%len(changed):], over)
		changed = changed[:min(int(end), len(changed))]
		refusedOrEqual(t, filepath.Join(t.TempDir(), "checkpoint.db"), changed, want, "fuzzed")
	})
}

func TestOpenErrorsAreOfTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "file", "checkpoint.db")); err == nil || !strings.Contains(err.Error(), "create checkpoint") {
		t.Errorf("below a file: %v", err)
	}
	if _, err := OpenReadOnly(filepath.Join(dir, "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
