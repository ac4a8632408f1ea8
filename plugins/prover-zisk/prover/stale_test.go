package prover

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
)

// TestFilesOfAnEarlierRun: files that lie where the tool writes, and were written
// before it began, are not its own, whatever they hold.
func TestFilesOfAnEarlierRun(t *testing.T) {
	version, err := zisk.ParseVersion("cargo-zisk 0.14.0")
	if err != nil {
		t.Fatal(err)
	}
	p, dir, began := &Prover{version: version}, t.TempDir(), time.Now()
	for _, name := range version.Outputs() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("something"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		written time.Time
		stale   bool
	}{{began.Add(-time.Hour), true}, {began, false}, {began.Add(time.Second), false}} {
		for _, name := range version.Outputs() {
			if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, c.written); err != nil {
				t.Fatal(err)
			}
		}
		run := finishedRun{dir: dir}
		run.start = began
		if _, err := p.readProof(run); err == nil || strings.Contains(err.Error(), "is older than the run") != c.stale {
			t.Errorf("written %v after the beginning: %v", c.written.Sub(began), err)
		}
	}
}
