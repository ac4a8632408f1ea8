package offline

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Bundle collects what another person needs to reproduce the failure of a block.
type Bundle struct {
	Data    string          // the pipeline's data directory
	Version string          // of proofline
	About   status.Snapshot // has the stages of the pipeline with their plugins and versions
	Jobs    []status.Job    // the jobs of the block
}

// bundledArtifacts are the names of the artifacts that go into a bundle.
var bundledArtifacts = []string{
	contract.ArtifactBlock, contract.ArtifactWitness, contract.ArtifactChain, contract.ArtifactInput, contract.ArtifactExecution,
}

// Environment is the content of bundle.json. It names the programs that made the files of
// a bundle.
type Environment struct {
	Made      time.Time      `json:"made"`    // when the bundle was made
	Version   string         `json:"version"` // of proofline
	Pipeline  string         `json:"pipeline"`
	Stages    []BundledStage `json:"stages"`
	Missing   []string       `json:"missing,omitempty"`   // recorded artifacts whose files do not exist any more
	Different []string       `json:"different,omitempty"` // artifacts whose files differ from the record
}

// BundledStage is a stage of the pipeline in an Environment.
type BundledStage struct {
	Name    string        `json:"name"`
	Kind    contract.Kind `json:"kind"`
	Plugin  string        `json:"plugin"`
	Version string        `json:"version,omitempty"`
}

// Write writes the bundle as tar.gz and returns the names of the recorded files that do
// not exist any more. The archive has a folder for each job, with
//
//	job.json                      the record, with the error of the last attempt
//	block.json witness.json chain.json input.bin execution.json
//	                              artifacts of the stages, as far as they exist
//	log/<stage>-<attempt>.log     the last lines of the plugin's log before an attempt failed
//	bundle.json                   Environment
//
// It contains nothing of the configuration. Write only reads files, so that a host may
// run meanwhile.
func (b Bundle) Write(to io.Writer) (missing []string, err error) {
	if len(b.Jobs) == 0 {
		return nil, errors.New("no job: a bundle is about a block that the pipeline knows")
	}
	root, err := os.OpenRoot(b.Data)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	zipped := gzip.NewWriter(to)
	w := bundleWriter{root: root, tar: tar.NewWriter(zipped), made: time.Now()}
	for _, j := range b.Jobs {
		lost, err := b.writeJob(w, j)
		if err != nil {
			return nil, fmt.Errorf("bundle of job %s: %w", j.ID, err)
		}
		missing = append(missing, lost...)
	}
	return missing, errors.Join(w.tar.Close(), zipped.Close())
}

// writeJob writes the folder of one job and returns the names of its missing files.
func (b Bundle) writeJob(w bundleWriter, j status.Job) (missing []string, err error) {
	about := Environment{Made: w.made, Version: b.Version, Pipeline: b.About.Pipeline}
	for _, s := range b.About.Stages {
		about.Stages = append(about.Stages, BundledStage{Name: s.Name, Kind: s.Kind, Plugin: s.Plugin, Version: s.Version})
	}
	if err := w.json(path.Join(j.ID, "job.json"), j); err != nil {
		return nil, err
	}
	newest := map[string]contract.Artifact{}
	for _, s := range j.Stages {
		for _, a := range s.Outputs {
			if slices.Contains(bundledArtifacts, a.Name) {
				newest[a.Name] = a
			}
		}
	}
	for _, name := range bundledArtifacts {
		a, made := newest[name]
		if !made {
			continue
		}
		sum, err := w.file(path.Join(j.ID, name), a.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			about.Missing = append(about.Missing, name)
		case err != nil:
			return nil, err
		case sum != a.SHA256:
			about.Different = append(about.Different, name)
		}
	}
	logs, err := fs.Glob(w.root.FS(), path.Join("attempts", j.ID, "*", "*", launch.LogFile))
	if err != nil {
		return nil, err
	}
	for _, from := range logs {
		attempt := path.Dir(from)
		to := fmt.Sprintf("%s-%s.log", path.Base(path.Dir(attempt)), path.Base(attempt))
		if _, err := w.file(path.Join(j.ID, "log", to), from); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return about.Missing, w.json(path.Join(j.ID, "bundle.json"), about)
}

// bundleWriter writes files of the data directory into the archive.
type bundleWriter struct {
	root *os.Root
	tar  *tar.Writer
	made time.Time
}

// json writes a value as a JSON file.
func (w bundleWriter) json(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if err := w.header(name, int64(len(text)), w.made); err != nil {
		return err
	}
	_, err = w.tar.Write(text)
	return err
}

// file copies a plain file and returns its SHA-256. The path from is relative to the data
// directory.
func (w bundleWriter) file(name, from string) (sum [32]byte, err error) {
	from = filepath.FromSlash(from)
	info, err := w.root.Lstat(from)
	if err != nil {
		return sum, err
	}
	if !info.Mode().IsRegular() {
		return sum, fmt.Errorf("%s is no plain file", from)
	}
	f, err := w.root.Open(from)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	if err := w.header(name, info.Size(), info.ModTime()); err != nil {
		return sum, err
	}
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(w.tar, hash), f, info.Size()); err != nil {
		return sum, fmt.Errorf("%s: %w", from, err)
	}
	return [32]byte(hash.Sum(nil)), nil
}

// header begins a file of the archive.
func (w bundleWriter) header(name string, size int64, modified time.Time) error {
	return w.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: modified.Truncate(time.Second), Format: tar.FormatPAX,
	})
}
