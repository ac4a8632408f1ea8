package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/pipeline"
)

// TestUserFindings checks the findings about a folder above data that the user of a stage
// may not enter, and a plugin that the user may not execute, with path and remedy. A stage
// without a user has no findings.
func TestUserFindings(t *testing.T) {
	if err := account.Rights(); err != nil {
		t.Skipf("needs root: %v", err)
	}
	open, err := os.MkdirTemp("", "proofline-user-") // t.TempDir lies in folders that are closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(open) })
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(open, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	program := func(dir string, mode os.FileMode) string {
		path := filepath.Join(dir, "prover-x")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name, data, program string
		user                bool
		want                []string // parts of the findings, in their order
	}{
		{"no user", filepath.Join(closed, "data"), program(closed, 0o700), false, nil},
		{"everything is open", filepath.Join(open, "data"), program(open, 0o755), true, nil},
		{"data behind a closed folder", filepath.Join(closed, "data"), program(open, 0o755), true, []string{"may not go through " + closed}},
		{"plugin behind a closed folder", filepath.Join(open, "data"), program(closed, 0o755), true, []string{"may not go through " + closed}},
		{"both", filepath.Join(closed, "data"), program(closed, 0o755), true, []string{"and data is", "and the plugin is"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := pipeline.Stage{Name: "prove"}
			if c.user {
				s.Sandbox.Account = &account.Account{Name: "65534:65534", UID: 65534, GID: 65534, Home: "/"}
			}
			findings := UserFindings(&pipeline.Pipeline{Data: c.data}, &s, c.program)
			if len(findings) != len(c.want) {
				t.Fatalf("%v, want %d", findings, len(c.want))
			}
			for i, want := range c.want {
				if !strings.Contains(findings[i].Summary, want) || findings[i].Remedy == "" {
					t.Errorf("finding %+v, want %q and a remedy", findings[i], want)
				}
			}
		})
	}
}
