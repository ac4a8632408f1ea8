package sdktest

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// inventedBlock is the block of tasks and events when the suite names none.
var inventedBlock = contract.Block{ChainID: 1, Number: 24647140, Hash: contract.Hash{0xab}, ParentHash: contract.Hash{0xcd},
	Time: time.Unix(1_775_000_000, 0).UTC(), GasUsed: 30_000_000, TxCount: 200}

// task makes the directory of an attempt with the suite's inputs, and returns its task.
func (r *run) task(block contract.Block) (contract.Task, error) {
	dir, err := r.folder("attempt")
	if err != nil {
		return contract.Task{}, err
	}
	inputs, err := r.stage(dir)
	return contract.Task{
		Pipeline: "sdktest", Stage: "under-test", Job: block.JobID(), Attempt: 1, Block: block, Dir: dir,
		Inputs: inputs, Facts: r.suite.Facts,
	}, err
}

// event makes a directory with the suite's inputs, and returns an event with it.
func (r *run) event(kind contract.EventKind) (contract.Event, error) {
	dir, err := r.folder("event")
	if err != nil {
		return contract.Event{}, err
	}
	artifacts, err := r.stage(dir)
	block := r.block()
	return contract.Event{
		ID: "sdktest-1", Kind: kind, Pipeline: "sdktest", Stage: "prove", Time: time.Now(), Block: &block,
		Facts: r.suite.Facts, Artifacts: artifacts, Dir: dir, Try: 1,
	}, err
}

func (r *run) block() contract.Block {
	if r.suite.Block.Hash.IsZero() {
		return inventedBlock
	}
	return r.suite.Block
}

// stage makes the subdirectories of an attempt and copies the suite's inputs into in/.
func (r *run) stage(dir string) (out []contract.Artifact, err error) {
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	for _, in := range r.suite.Inputs {
		data := in.Data
		if in.File != "" {
			if data, err = os.ReadFile(in.File); err != nil {
				return nil, fmt.Errorf("input of the suite: %w", err)
			}
		}
		a := contract.Artifact{Name: in.Name, Path: path.Join("in", in.Name), Size: int64(len(data)),
			SHA256: sha256.Sum256(data), Role: in.Role}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(a.Path)), data, 0o400); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// snapshot returns the SHA-256 of every file below a directory by its relative path.
// Anything but a regular file has a zero hash.
func snapshot(dir string) (map[string][32]byte, error) {
	files := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			files[rel] = [32]byte{}
			return nil
		}
		data, err := os.ReadFile(name)
		files[rel] = sha256.Sum256(data)
		return err
	})
	return files, err
}

// published returns the snapshot of out/ without the hidden files.
func published(dir string) (map[string][32]byte, error) {
	files, err := snapshot(filepath.Join(dir, "out"))
	maps.DeleteFunc(files, func(name string, _ [32]byte) bool { return strings.HasPrefix(filepath.Base(name), ".") })
	return files, err
}

// checkOutputs fails if an output lies outside out/, differs in size or hash from what the
// result claims, or if a temporary file is left in out/. It computes the hashes that the
// result leaves to the host.
func checkOutputs(dir string, outputs []contract.Artifact) error {
	for i := range outputs {
		a := &outputs[i]
		if !strings.HasPrefix(a.Path, "out/") {
			return fmt.Errorf("output %q lies at %s, not in out/", a.Name, a.Path)
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(a.Path)))
		sum := digest(data)
		switch {
		case err != nil:
			return fmt.Errorf("output %q: %w", a.Name, err)
		case int64(len(data)) != a.Size:
			return fmt.Errorf("output %q has %d bytes, claimed are %d", a.Name, len(data), a.Size)
		case a.SHA256 != contract.Digest{} && a.SHA256 != sum:
			return fmt.Errorf("output %q has another SHA-256 than claimed", a.Name)
		}
		a.SHA256 = sum
	}
	files, err := snapshot(filepath.Join(dir, "out"))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(filepath.Base(name), ".tmp-") {
			return fmt.Errorf("temporary file out/%s is left", name)
		}
	}
	return nil
}

// untouched fails if the instance has written files to its working, home or temporary
// directory.
func (i *instance) untouched() error {
	for _, dir := range []string{i.place.work, i.place.home, i.place.temp} {
		files, err := snapshot(dir)
		if err != nil {
			return err
		}
		if i.cmd != nil && len(files) > 0 { // without a process of its own the plugin uses other directories
			return fmt.Errorf("files outside of the task's directory: %v in %s", slices.Sorted(maps.Keys(files)), filepath.Base(dir))
		}
	}
	return nil
}
