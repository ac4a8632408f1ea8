// Command dist makes a release of the checkout in the working directory: archives, Debian
// packages and an OCI image layout for linux on amd64 and arm64, a bill of materials and
// checksums. Everything is a function of the commit: two runs write the same bytes, with
// the same version of Go.
//
//	dist [-version 0.1.0] [-out dist] [-arch amd64,arm64] [-deb]
//	dist -unpack dist/proofline_0.1.0_oci -out root
//
// With -unpack it makes nothing: it checks the image layout, and writes the files of the
// image for this machine's architecture into a directory.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// release is what is being made.
type release struct {
	version string
	commit  string
	time    time.Time // of the commit: that of every file
	out     string    // directory
	work    string    // scratch directory
}

// name is the beginning of the names of files for an architecture.
func (r release) name(arch string) string {
	return fmt.Sprintf("proofline_%s_linux_%s", r.version, arch)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	version := flag.String("version", "", "version of the release; by default that of the program")
	out := flag.String("out", "dist", "directory that is made anew")
	arches := flag.String("arch", "amd64,arm64", "architectures")
	debs := flag.Bool("deb", false, "make nothing but the Debian packages")
	from := flag.String("unpack", "", "an image layout that is checked and unpacked into -out")
	flag.Parse()
	if *from != "" {
		return unpack(*from, *out)
	}
	r := release{version: *version, out: *out}
	if r.version == "" {
		if r.version, err = sourceVersion(); err != nil {
			return err
		}
	}
	commit, err := output("git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return err
	}
	hash, seconds, _ := strings.Cut(commit, " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("time of the commit: %w", err)
	}
	r.commit, r.time = hash[:12], time.Unix(at, 0).UTC()
	if changes, err := output("git", "status", "--porcelain"); err != nil || changes != "" {
		r.commit += "-dirty"
		fmt.Fprintln(os.Stderr, "dist: the checkout has changes that are not committed: the release is marked dirty")
	}
	if r.work, err = os.MkdirTemp("", "dist-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	var images []imageOf
	for _, arch := range strings.Split(*arches, ",") {
		tree, err := r.build(arch)
		if err != nil {
			return err
		}
		if err := r.debian(arch, tree); err != nil {
			return err
		}
		if *debs {
			continue
		}
		if err := r.archive(arch, tree); err != nil {
			return err
		}
		if err := r.materials(arch, tree); err != nil {
			return err
		}
		image, err := r.image(arch, tree)
		if err != nil {
			return err
		}
		images = append(images, imageOf{arch, image})
	}
	if !*debs {
		if err := r.layout(images); err != nil {
			return err
		}
	}
	return r.checksums()
}

var versionLine = regexp.MustCompile(`(?m)^const version = "([^"]+)"`)

// sourceVersion is the version that the program names.
func sourceVersion() (string, error) {
	text, err := os.ReadFile("cmd/proofline/version.go")
	if err != nil {
		return "", fmt.Errorf("run it in the root of the checkout: %w", err)
	}
	found := versionLine.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("cmd/proofline/version.go names no version")
	}
	return string(found[1]), nil
}

// output runs a command and returns its standard output without surrounding space.
func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// checksums writes SHA256SUMS for sha256sum -c over every file.
func (r release) checksums() error {
	var lines []string
	err := filepath.WalkDir(r.out, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return err
		}
		name, err := filepath.Rel(r.out, path)
		lines = append(lines, fmt.Sprintf("%x  %s\n", sum.Sum(nil), name))
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(strings.Join(lines, "")), 0o644)
}
