package sdk

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/wire"
)

// Output is an artifact being written: a hidden temporary file in out/, hashed on
// the way. It appears under its name by Commit, complete, or not at all. It is
// not safe for concurrent use.
type Output struct {
	space *workspace
	name  string
	temp  string
	file  *os.File      // nil after Commit or Discard
	buf   *bufio.Writer // to file and hash
	hash  hash.Hash
	size  int64
}

// outputBuffer makes small writes cheap, in bytes.
const outputBuffer = 64 << 10

func (w *workspace) create(name string) (*Output, error) {
	if err := wire.CheckName(name); err != nil {
		return nil, Permanent(err)
	}
	temp := filepath.Join(outDir, ".tmp-"+rand.Text())
	f, err := w.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, files.Fault(fmt.Errorf("create output %q: %w", name, err), w.dir)
	}
	h := sha256.New()
	return &Output{space: w, name: name, temp: temp, file: f, hash: h,
		buf: bufio.NewWriterSize(io.MultiWriter(f, h), outputBuffer)}, nil
}

// Write implements io.Writer. It is buffered, so that an error may come with a
// later call.
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

// Commit makes the artifact: the complete file gets its name. The host makes both durable
// before it records the result. On an error nothing is published and the temporary file is
// gone.
func (o *Output) Commit() (Artifact, error) {
	if o.file == nil {
		return Artifact{}, fmt.Errorf("output %q: commit after the end", o.name)
	}
	file := o.file
	o.file = nil
	err := errors.Join(o.buf.Flush(), file.Close())
	if err == nil {
		err = o.space.publish(o.temp, o.name)
	}
	if err != nil {
		_ = o.space.root.Remove(o.temp)
		return Artifact{}, files.Fault(fmt.Errorf("commit output %q: %w", o.name, err), o.space.dir)
	}
	a := contract.Artifact{Name: o.name, Path: path.Join(outDir, o.name), Size: o.size}
	o.hash.Sum(a.SHA256[:0])
	return a, nil
}

// Discard removes what was written. After Commit or another Discard it does
// nothing, so that it may be deferred.
func (o *Output) Discard() {
	if o.file == nil {
		return
	}
	_ = o.file.Close()
	o.file = nil
	_ = o.space.root.Remove(o.temp)
}
