package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLocalFolder checks that a plugin in ./bin/plugins is not run unless a lock pins it or
// the folder was named.
func TestLocalFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(EnvPath, "")
	dir := filepath.Join("bin", "plugins")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ntouch ran\ncat <<'E'\n" +
		`{"name":"prover-evil","kind":"prover","version":"1.0.0","summary":"s","config_schema":{}}` + "\nE\n"
	if err := os.WriteFile(filepath.Join(dir, "prover-evil"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	ran := func() bool { _, err := os.Stat("ran"); return err == nil }
	if _, err := Open(nil).Find("prover-evil"); err == nil || !strings.Contains(err.Error(), "plugins lock") || ran() {
		t.Fatalf("without a word: %v, it ran: %v", err, ran())
	}
	if list := Open(nil).List(); len(list) != 1 || list[0].Err == nil || ran() {
		t.Fatalf("List: %+v, it ran: %v", list, ran())
	}
	if b, err := Open([]string{dir}).Find("prover-evil"); err != nil || b.Locked {
		t.Errorf("named in the file: %+v, %v", b, err)
	}
	t.Setenv(EnvPath, dir)
	if _, err := Open(nil).Find("prover-evil"); err != nil {
		t.Errorf("named in $%s: %v", EnvPath, err)
	}
	t.Setenv(EnvPath, "")
	if _, err := Lock(dir); err != nil {
		t.Fatal(err)
	}
	if b, err := Open(nil).Find("prover-evil"); err != nil || !b.Locked {
		t.Errorf("locked: %+v, %v", b, err)
	}
}
