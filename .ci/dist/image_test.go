package main

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestImage reads the layout as go-containerregistry does, which compares every digest,
// size and media type, and looks at what the image for this architecture holds.
func TestImage(t *testing.T) {
	dir := filepath.Join(releaseOf(t), "proofline_1.2.3_oci")
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	entries, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(entries.Manifests) != 1 || entries.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.2.3" {
		t.Fatalf("entries of the layout: %+v", entries.Manifests)
	}
	inner, err := index.ImageIndex(entries.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if images, err := inner.IndexManifest(); err != nil || len(images.Manifests) != 2 {
		t.Fatalf("images of the release: %+v, %v", images, err)
	}
	image, err := imageFor(index, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "arm64" {
		t.Errorf("the image for arm64 is of %s", config.Architecture)
	}
	modes := map[string]fs.FileMode{}
	files := mutate.Extract(image)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[strings.TrimSuffix(h.Name, "/")] = h.FileInfo().Mode()
	}
	want := map[string]fs.FileMode{
		"tmp": fs.ModeDir | fs.ModeSticky | 0o777, "var/lib/proofline": fs.ModeDir | 0o750, "etc/passwd": 0o644, "etc/ssl/certs/ca-certificates.crt": 0o644,
		"usr/lib/proofline/proofline": 0o755, "usr/lib/proofline/plugins/source-x": 0o755, "usr/lib/proofline/LICENSE": 0o644,
	}
	if !maps.Equal(modes, want) {
		t.Errorf("the image holds %v, not %v", modes, want)
	}
	for _, path := range []string{config.Config.Entrypoint[0], config.Config.WorkingDir} {
		if _, there := modes[strings.TrimPrefix(path, "/")]; !there {
			t.Errorf("the image has no %s", path)
		}
	}
}

// TestUnpack: what is unpacked is what was packed; a layout that was changed is refused.
func TestUnpack(t *testing.T) {
	dir, root := filepath.Join(releaseOf(t), "proofline_1.2.3_oci"), filepath.Join(t.TempDir(), "root")
	if err := unpack(dir, root); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "usr/lib/proofline/plugins/source-x")); err != nil || string(text) != "text of plugins/source-x" {
		t.Errorf("%q, %v", text, err)
	}
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range blobs {
		text, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(text)
		changed[len(changed)/2] ^= 1
		if err := os.WriteFile(blob, changed, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := unpack(dir, filepath.Join(t.TempDir(), "root")); err == nil {
			t.Errorf("%s was changed, and unpacked", blob)
		}
		if err := os.WriteFile(blob, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestImageIsCopied has skopeo choose the image of the layout, as an operator does.
func TestImageIsCopied(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not installed: apt-get install skopeo")
	}
	to := t.TempDir()
	for name, from := range map[string]string{"named": "_oci:1.2.3", "only": "_oci"} {
		from = "oci:" + filepath.Join(releaseOf(t), "proofline_1.2.3"+from)
		cmd := exec.Command(skopeo, "--insecure-policy", "--override-arch", "amd64", "copy", "--quiet", from, "dir:"+filepath.Join(to, name))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", from, err, out)
		}
		if _, err := os.Stat(filepath.Join(to, name, "manifest.json")); err != nil {
			t.Error(err)
		}
	}
}
