package offline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/pipeline"
)

// OpenCopy copies the checkpoint of a pipeline and returns the copy for reading. It is
// used when the host has the file open but does not answer. Close removes the copy.
func OpenCopy(p *pipeline.Pipeline) (*Pipeline, error) {
	dir, err := os.MkdirTemp("", "proofline-copy-")
	if err != nil {
		return nil, err
	}
	o := &Pipeline{pipeline: p, file: CheckpointPath(dir), tempDir: dir}
	if err := copyUnchanged(CheckpointPath(p.Data), o.file); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	report, err := checkpoint.Check(o.file) // the copy may hold half of a transaction
	if err == nil && len(report.Problems) > 0 {
		err = errors.New("it was being written")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a copy of %s cannot be read: %w", CheckpointPath(p.Data), err), o.Close())
	}
	return o, nil
}

// copyUnchanged copies a file. It returns an error when the file changes meanwhile.
func copyUnchanged(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	before, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	after, err := in.Stat()
	if err == nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
		err = fmt.Errorf("%s is being written", filepath.Base(from))
	}
	return err
}
