package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// file is a file of a release.
type file struct {
	name string // relative, with slashes
	path string // where its bytes are
	mode os.FileMode
}

// tree are the files of a release for one architecture, by name.
type tree []file

// build compiles the programs for an architecture and gathers what belongs to them.
func (r release) build(arch string) (t tree, err error) {
	dir := filepath.Join(r.work, arch)
	list, err := output("go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./plugins/...")
	if err != nil {
		return nil, err
	}
	plugins := slices.DeleteFunc(strings.Fields(list), func(path string) bool {
		_, below, _ := strings.Cut(path, "/plugins/")
		return strings.Contains(below, "/")
	})
	flags := "-s -w -X main.commit=" + r.commit
	if err := compile(arch, flags, filepath.Join(dir, "plugins"), plugins...); err != nil {
		return nil, err
	}
	if err := compile(arch, "-s -w", dir, "./cmd/proofline-keeper"); err != nil {
		return nil, err
	}
	keeper, err := digest(filepath.Join(dir, "proofline-keeper"))
	if err != nil {
		return nil, err
	}
	if err := compile(arch, flags+" -X github.com/proofline/proofline/host/keeper.digest="+keeper, dir, "./cmd/proofline"); err != nil {
		return nil, err
	}
	// What the program says of itself is the same everywhere, so that one for this machine
	// is asked.
	self := filepath.Join(r.work, "self")
	if err := compile(runtime.GOARCH, flags, self, "./cmd/proofline"); err != nil {
		return nil, err
	}
	for name, args := range map[string][]string{
		"proofline.1": {"man"}, "completion/proofline.bash": {"completion", "bash"},
		"completion/_proofline": {"completion", "zsh"}, "completion/proofline.fish": {"completion", "fish"},
	} {
		text, err := output(filepath.Join(self, "proofline"), args...)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, "made", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			return nil, err
		}
		t = append(t, file{name, path, 0o644})
	}
	if err := r.lock(arch, filepath.Join(self, "proofline"), plugins); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, "plugins"))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		mode := os.FileMode(0o755)
		if e.Name() == "plugins.lock" {
			mode = 0o644
		}
		t = append(t, file{"plugins/" + e.Name(), filepath.Join(dir, "plugins", e.Name()), mode})
	}
	t = append(t, file{"proofline", filepath.Join(dir, "proofline"), 0o755}, file{"proofline-keeper", filepath.Join(dir, "proofline-keeper"), 0o755},
		file{"README.md", "README.md", 0o644}, file{"LICENSE", "LICENSE", 0o644}, file{"pipeline.yaml", "pipeline.yaml", 0o644})
	for _, folder := range []string{"host/docs", "host/deploy/systemd", "host/pipeline/presets"} {
		err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, ".go") {
				return err
			}
			t = append(t, file{strings.TrimPrefix(path, "host/"), path, 0o644})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(t, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return t, nil
}

// compile builds packages into a directory, in the way of the Makefile.
func compile(arch, flags, dir string, packages ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	args := append([]string{"build", "-trimpath", "-buildvcs=true", "-ldflags", flags, "-o", dir + "/"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
