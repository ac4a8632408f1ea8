package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"io"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// imageOf is the image for an architecture.
type imageOf struct {
	arch  string
	image v1.Image
}

// image makes an image of nothing but the programs and the roots of trust: for pipelines
// whose prover is elsewhere. Where cargo-zisk runs beside proofline, host/deploy/Dockerfile
// builds one over CUDA.
func (r release) image(arch string, t tree) (v1.Image, error) {
	var programs []file
	for _, f := range t {
		if f.mode == 0o755 || f.name == "plugins/plugins.lock" || f.name == "LICENSE" {
			programs = append(programs, f)
		}
	}
	var layer bytes.Buffer
	if err := r.tar(&layer, "usr/lib/proofline/", programs); err != nil {
		return nil, err
	}
	var base bytes.Buffer
	if err := r.base(&base); err != nil {
		return nil, err
	}
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	for _, text := range [][]byte{base.Bytes(), layer.Bytes()} {
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
			tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: r.time}, CreatedBy: "make dist"}}); err != nil {
			return nil, err
		}
	}
	return mutate.ConfigFile(image, &v1.ConfigFile{
		Architecture: arch, OS: "linux", Created: v1.Time{Time: r.time}, RootFS: must(image.ConfigFile()).RootFS, History: must(image.ConfigFile()).History,
		Config: v1.Config{
			User: "10001:10001", WorkingDir: "/var/lib/proofline", Entrypoint: []string{"/usr/lib/proofline/proofline"}, Cmd: []string{"run", "pipeline.yaml"},
			Env:          []string{"PATH=/usr/lib/proofline:/usr/bin:/bin", "HOME=/var/lib/proofline", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
			ExposedPorts: map[string]struct{}{"4000/tcp": {}}, Volumes: map[string]struct{}{"/var/lib/proofline": {}}, StopSignal: "SIGTERM",
			Labels: map[string]string{"org.opencontainers.image.version": r.version, "org.opencontainers.image.revision": r.commit, "org.opencontainers.image.licenses": "MIT"},
		},
	})
}

// must is for values that are computed from what lies in memory.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// base writes the folders that a pipeline needs, and the roots of trust of Mozilla.
func (r release) base(to io.Writer) error {
	var roots bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue // it is trusted under conditions that a file of certificates cannot state
		}
		if err := pem.Encode(&roots, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return err
		}
	}
	w := tar.NewWriter(to)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		{Typeflag: tar.TypeDir, Name: "var/lib/proofline/", Mode: 0o750, Uid: 10001, Gid: 10001},
		{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644, Size: int64(len(passwd))},
		{Typeflag: tar.TypeReg, Name: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Size: int64(roots.Len())},
	} {
		h.ModTime, h.Format = r.time, tar.FormatPAX
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		text := map[string][]byte{"etc/passwd": []byte(passwd), "etc/ssl/certs/ca-certificates.crt": roots.Bytes()}[h.Name]
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return w.Close()
}

const passwd = "proofline:x:10001:10001:proofline:/var/lib/proofline:/sbin/nologin\n"

// layout writes the images as an OCI image layout with one entry, the release, which is an
// index of them: skopeo, podman and buildah refuse to choose among several entries.
func (r release) layout(images []imageOf) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, i := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: i.image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: i.arch},
		}})
	}
	path, err := layout.Write(r.layoutPath(), mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return err
	}
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version}))
}

func (r release) layoutPath() string {
	return filepath.Join(r.out, "proofline_"+r.version+"_oci")
}
