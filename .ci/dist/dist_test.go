package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// releaseOf makes a release of small files and returns its directory.
func releaseOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	r := release{version: "1.2.3", commit: "0123456789ab", time: time.Unix(1_700_000_000, 0).UTC(), out: filepath.Join(dir, "out"), work: dir}
	if err := os.Mkdir(r.out, 0o755); err != nil {
		t.Fatal(err)
	}
	var files tree
	for _, name := range []string{"LICENSE", "README.md", "completion/proofline.bash", "deploy/systemd/proofline.sysusers", "deploy/systemd/proofline.tmpfiles",
		"deploy/systemd/proofline@.service", "docs/concepts.md", "pipeline.yaml", "plugins/source-x", "proofline", "proofline-keeper", "proofline.1"} {
		path := filepath.Join(dir, "in", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "plugins/") || name == "proofline" || name == "proofline-keeper" {
			mode = 0o755
		}
		files = append(files, file{name, path, mode})
	}
	if err := r.archive("amd64", files); err != nil {
		t.Fatal(err)
	}
	if err := r.debian("amd64", files); err != nil {
		t.Fatal(err)
	}
	var images []imageOf
	for _, arch := range []string{"amd64", "arm64"} {
		image, err := r.image(arch, files)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, imageOf{arch, image})
	}
	if err := r.layout(images); err != nil {
		t.Fatal(err)
	}
	if err := r.checksums(); err != nil {
		t.Fatal(err)
	}
	return r.out
}

// TestReproducible makes a release twice: the checksums of everything are the same. The
// checksums are checked by sha256sum.
func TestReproducible(t *testing.T) {
	one := releaseOf(t)
	time.Sleep(1100 * time.Millisecond) // another second on every clock
	a, err := os.ReadFile(filepath.Join(one, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(releaseOf(t), "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) || bytes.Count(a, []byte("\n")) < 6 {
		t.Errorf("two releases of one commit differ:\n%s\n%s", a, b)
	}
	check := exec.Command("sha256sum", "-c", "--quiet", "SHA256SUMS")
	check.Dir = one
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDebian has dpkg read the package and unpack it into a folder.
func TestDebian(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Skip("dpkg-deb is not installed")
	}
	deb := filepath.Join(releaseOf(t), "proofline_1.2.3_amd64.deb")
	root := t.TempDir()
	if out, err := exec.Command(dpkg, "-x", deb, root).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for path, mode := range map[string]os.FileMode{
		"usr/lib/proofline/proofline": 0o755, "usr/lib/proofline/proofline-keeper": 0o755, "usr/lib/proofline/plugins/source-x": 0o755, "usr/lib/systemd/system/proofline@.service": 0o644,
		"usr/lib/sysusers.d/proofline.conf": 0o644, "usr/share/man/man1/proofline.1": 0o644, "usr/share/bash-completion/completions/proofline": 0o644,
	} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if link, err := os.Readlink(filepath.Join(root, "usr/bin/proofline")); err != nil || link != "/usr/lib/proofline/proofline" {
		t.Errorf("usr/bin/proofline: %q, %v", link, err)
	}
	info, err := exec.Command(dpkg, "-I", deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Package: proofline", "Version: 1.2.3+git20231114221320.0123456789ab", "Architecture: amd64", "postinst", "prerm"} {
		if !strings.Contains(string(info), want) {
			t.Errorf("the package does not say %q:\n%s", want, info)
		}
	}
	if _, err := place("nonsense"); err == nil {
		t.Error("a file without a place was packed")
	}
}

// TestTranslateLock: the lock of another architecture pins that architecture's files, and
// says of them what the first one says.
func TestTranslateLock(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	var text []string
	for _, name := range []string{"prover-x", "source-x"} {
		for dir, content := range map[string]string{here: "amd64 " + name, there: "arm64 " + name} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		sum, err := digest(filepath.Join(here, name))
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, name+" "+sum+" summary")
	}
	if err := os.WriteFile(filepath.Join(here, lockName), []byte(strings.Join(text, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := translateLock(here, there); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(there, lockName))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(got), "\n") {
		name, rest, _ := strings.Cut(line, " ")
		sum, err := digest(filepath.Join(there, name))
		if err != nil || rest != sum+" summary" || line == text[i] {
			t.Errorf("%q, %v; here it is %q", line, err, text[i])
		}
	}
	if err := os.WriteFile(filepath.Join(here, "source-x"), []byte("built anew"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := translateLock(here, there); err == nil || !strings.Contains(err.Error(), "pins source-x 0 times") {
		t.Errorf("a lock of other files: %v", err)
	}
}
