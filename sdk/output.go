package sdk

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/wire"
)

// Output is an artifact that is being written: a hidden temporary file in out/. Commit
// gives the complete file its name; without Commit no artifact exists. An Output is not safe
// for concurrent use.
type Output struct {
	space *workspace
	name  string
	temp  string
	file  *earlyFile    // nil after Commit or Discard
	buf   *bufio.Writer // writes to file
	size  int64
}

// outputBuffer is the size in bytes of the buffer that makes small writes cheap.
const outputBuffer = 64 << 10

// create opens the temporary file of an artifact.
func (w *workspace) create(name string) (*Output, error) {
	if err := wire.CheckName(name); err != nil {
		return nil, Permanent(err)
	}
	temp := filepath.Join(outDir, ".tmp-"+rand.Text())
	f, err := w.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, files.Fault(fmt.Errorf("create output %q: %w", name, err), w.dir)
	}
	early := &earlyFile{File: f}
	return &Output{space: w, name: name, temp: temp, file: early, buf: bufio.NewWriterSize(early, outputBuffer)}, nil
}

// Write implements io.Writer. Because it is buffered, an error may be returned by a later
// call. It fails after Commit and Discard.
func (o *Output) Write(p []byte) (int, error) {
	if o.file == nil {
		return 0, fmt.Errorf("output %q: write after the end", o.name)
	}
	n, err := o.buf.Write(p)
	o.size += int64(n)
	if err != nil {
		err = files.Fault(fmt.Errorf("write output %q: %w", o.name, err), o.space.dir)
	}
	return n, err
}

// Commit makes the artifact: it gives the complete file its name and returns the artifact
// with its size. The host computes its SHA-256 and makes file and name durable before it
// records the result. After an error there is no artifact, and the temporary file is
// removed. It is an error to commit twice or under the name of another artifact of the
// attempt.
func (o *Output) Commit() (Artifact, error) {
	if o.file == nil {
		return Artifact{}, fmt.Errorf("output %q: commit after the end", o.name)
	}
	file := o.file
	o.file = nil
	err := o.buf.Flush()
	file.begin()
	err = errors.Join(err, file.Close())
	if err == nil {
		err = o.space.publish(o.temp, o.name)
	}
	if err != nil {
		_ = o.space.root.Remove(o.temp)
		return Artifact{}, files.Fault(fmt.Errorf("commit output %q: %w", o.name, err), o.space.dir)
	}
	return contract.Artifact{Name: o.name, Path: path.Join(outDir, o.name), Size: o.size}, nil
}

// writeFile makes an artifact of data.
func (w *workspace) writeFile(name string, data []byte) (Artifact, error) {
	out, err := w.create(name)
	if err != nil {
		return Artifact{}, err
	}
	defer out.Discard()
	if _, err := out.Write(data); err != nil {
		return Artifact{}, err
	}
	return out.Commit()
}

// Discard removes the temporary file. After Commit or another Discard it does nothing, so
// that it may be deferred.
func (o *Output) Discard() {
	if o.file == nil {
		return
	}
	_ = o.file.Close()
	o.file = nil
	_ = o.space.root.Remove(o.temp)
}
