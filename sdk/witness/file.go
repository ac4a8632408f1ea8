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

// MaxFileSize bounds the content of a file that ReadFile accepts, in bytes. The
// largest witnesses of mainnet are below 100 MiB.
const MaxFileSize = 1 << 30

// open returns the content of a file, of what is inside where its name ends in
// .gz, and how many bytes it probably has. The content fails behind MaxFileSize
// bytes. Errors of opening begin with the path or name it, those of reading do
// not.
func open(path string) (content io.ReadCloser, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	c := &file{source: f, left: MaxFileSize, closers: []io.Closer{f}}
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
		return 0, fmt.Errorf("larger than %d bytes", int64(MaxFileSize))
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
	const bestRatio = 1032 // deflate cannot do better
	return min(int64(binary.LittleEndian.Uint32(trailer[:])), compressed*bestRatio, MaxFileSize)
}

// ReadFile returns the content of a file, of what is inside where its name ends
// in .gz. It reads no more than MaxFileSize bytes. Errors begin with the path or
// name it.
func ReadFile(path string) ([]byte, error) {
	f, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// One byte more than expected, so that the end is met without growing.
	data := make([]byte, 0, min(size, MaxFileSize)+1)
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
