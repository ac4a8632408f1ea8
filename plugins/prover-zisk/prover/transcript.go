package prover

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// transcript is a file in the attempt's directory with all lines that a run of the tool
// has printed. The transcript of a failed run is kept in the state directory, so that it
// can be attached to a report of the fault. A nil transcript drops all lines.
type transcript struct {
	file *os.File
	w    *bufio.Writer
	size int64
}

const (
	transcriptFile = "cargo-zisk.log"
	transcriptDir  = "failed-runs"
	// transcriptLimit is the largest size of a transcript in bytes, and transcriptsKept
	// the number of transcripts that are kept.
	transcriptLimit = 16 << 20
	transcriptsKept = 20
)

func newTranscript(path string) (*transcript, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("transcript of the run: %w", err)
	}
	return &transcript{file: file, w: bufio.NewWriter(file)}, nil
}

// line adds a line. Errors of writing are ignored, because the run must go on.
func (t *transcript) line(text string) {
	if t == nil || t.size > transcriptLimit {
		return
	}
	n, _ := t.w.WriteString(text + "\n")
	t.size += int64(n)
}

func (t *transcript) close() { t.file.Close() }

// keep copies the transcript to the directory, removes the oldest transcripts there, and
// returns the path of the copy.
func (t *transcript) keep(dir, job string, attempt uint32) (string, error) {
	if err := t.w.Flush(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.log", filepath.Base(job), attempt))
	// The attempt's directory and the state directory may be on two file systems.
	data, err := os.ReadFile(t.file.Name())
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", err
	}
	return path, prune(dir, transcriptsKept)
}

// prune removes all files of a directory except the newest.
func prune(dir string, keep int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var files []os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return cmp.Compare(b.ModTime().UnixNano(), a.ModTime().UnixNano()) })
	var errs []error
	for _, f := range files[min(keep, len(files)):] {
		errs = append(errs, os.Remove(filepath.Join(dir, f.Name())))
	}
	return errors.Join(errs...)
}
