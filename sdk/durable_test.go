package sdk

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// TestDurable: an artifact is synced before it has its name, however it came about;
// where the disk refuses, there is no artifact.
func TestDurable(t *testing.T) {
	for name, make := range map[string]func(w *workspace) (contract.Artifact, error){
		"written": func(w *workspace) (contract.Artifact, error) {
			out, err := w.create("proof.bin")
			if err != nil {
				return contract.Artifact{}, err
			}
			if _, err := out.Write([]byte("proof")); err != nil {
				return contract.Artifact{}, err
			}
			return out.Commit()
		},
		"adopted": func(w *workspace) (contract.Artifact, error) {
			path := filepath.Join(w.dir, "tmp", "made by a tool")
			if err := os.WriteFile(path, []byte("proof"), 0o600); err != nil {
				return contract.Artifact{}, err
			}
			return w.adopt(path, "proof.bin")
		},
	} {
		for _, broken := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w, err := openWorkspace(t.TempDir(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer w.close()
				named := func() bool {
					_, err := os.Stat(filepath.Join(w.dir, "out", "proof.bin"))
					return err == nil
				}
				var seen []string
				t.Cleanup(func() { syncFile = (*os.File).Sync })
				syncFile = func(f *os.File) error {
					info, err := f.Stat()
					if err != nil {
						return err
					}
					what := "file"
					if info.Size() != int64(len("proof")) {
						what = "part of the file"
					}
					if named() {
						what += " with its name"
					}
					seen = append(seen, what)
					if broken {
						return errors.New("the disk refuses")
					}
					return f.Sync()
				}
				_, err = make(w)
				if !slices.Equal(seen, []string{"file"}) || (err != nil) != broken || named() == broken {
					t.Errorf("synced %q, want the file once; error %v, named %t", seen, err, named())
				}
			})
		}
	}
}
