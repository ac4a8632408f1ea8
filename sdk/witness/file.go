package witness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// maxFileSize is the size in bytes of the largest content that is read from a file, after
// decompression. The largest witnesses of mainnet are below 100 MiB.
const maxFileSize = 1 << 30

// open returns the content of a file and its probable size in bytes. The content of a
// file whose name ends in .gz is decompressed. Reading fails after maxFileSize bytes.
// Errors of opening name the path, errors of reading do not.
func open(path string) (content io.ReadCloser, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	c := &file{source: f, left: maxFileSize, closers: []io.Closer{f}}
	size = info.Size()
	if strings.HasSuffix(path, ".gz") {
		size = uncompressedSize(f, size)
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, 0, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
		c.source, c.closers = z, []io.Closer{z, f}
	}
	return c, size, nil
}

// file is an open file of limited size.
type file struct {
	source  io.Reader
	left    int64
	closers []io.Closer
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.source.Read(p)
	if f.left -= int64(n); f.left < 0 {
		return 0, fmt.Errorf("larger than %d bytes", int64(maxFileSize))
	}
	return n, err
}

func (f *file) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// uncompressedSize returns the size that the trailer of a gzip file states
// (RFC 1952 §2.3.1), as far as it is believable. It is a hint only.
func uncompressedSize(f *os.File, compressed int64) int64 {
	var trailer [4]byte
	if _, err := f.ReadAt(trailer[:], compressed-4); err != nil {
		return 0
	}
	const bestRatio = 1032 // the best compression ratio of deflate
	return min(int64(binary.LittleEndian.Uint32(trailer[:])), compressed*bestRatio, maxFileSize)
}

// ReadFile returns the content of a file, decompressed if its name ends in .gz. It fails
// if the content is larger than 1 GiB. Errors name the path.
func ReadFile(path string) ([]byte, error) {
	f, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The buffer has a byte more than expected, so that it need not grow to reach the end.
	data := make([]byte, 0, min(size, maxFileSize)+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}
