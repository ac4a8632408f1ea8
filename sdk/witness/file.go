package witness

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// MaxFileSize bounds the content of a file that ReadFile accepts, in bytes. The
// largest witnesses of mainnet are below 100 MiB.
const MaxFileSize = 1 << 30

// ReadFile returns the content of a file, of what is inside where its name ends
// in .gz. It reads no more than MaxFileSize bytes. Errors begin with the path or
// name it.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size, source := info.Size(), io.Reader(f)
	if strings.HasSuffix(path, ".gz") {
		size = uncompressedSize(f, size)
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		defer z.Close()
		source = z
	}
	if size > MaxFileSize {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, int64(MaxFileSize))
	}
	data, err := readAll(io.LimitReader(source, MaxFileSize+1), int(size))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, int64(MaxFileSize))
	}
	return data, nil
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

// readAll is io.ReadAll for a source of probably size bytes: where that is so,
// it allocates once.
func readAll(r io.Reader, size int) ([]byte, error) {
	data := make([]byte, 0, size+1)
	for {
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}

// Result positions r on the result inside a JSON-RPC answer, or on the document
// itself where it is no answer, calls read, which must consume that value, and
// makes sure that the document ends well. An answer with an error, or whose
// result is null, is an error.
func Result(r *jsonhex.Reader, read func() error) error {
	kind, err := r.Peek()
	if err != nil {
		return err
	}
	if kind == jsonhex.Null {
		return errors.New("null: the node does not have it")
	}
	answer, err := isAnswer(*r)
	if err != nil {
		return err
	}
	if !answer {
		if err := read(); err != nil {
			return err
		}
		return r.End()
	}
	found := false
	err = r.Object(func(key []byte) error {
		switch string(key) {
		case "error":
			return rpcError(r)
		case "result":
			if null, err := r.Null(); null || err != nil {
				if err == nil {
					err = errors.New("result is null: the node does not have it")
				}
				return err
			}
			found = true
			return read()
		}
		return r.Skip()
	})
	if err != nil {
		return err
	}
	if !found {
		return errors.New("a JSON-RPC answer without result")
	}
	return r.End()
}

// isAnswer looks at the first members of the object that a copy of the reader
// stands on: every node writes "jsonrpc" before the result, or the result or
// error first.
func isAnswer(r jsonhex.Reader) (bool, error) {
	answer := false
	err := r.Object(func(key []byte) error {
		switch string(key) {
		case "jsonrpc", "result", "error":
			answer = true
			return errStop
		case "id":
			return r.Skip()
		}
		return errStop
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return answer, err
}

var errStop = errors.New("enough seen")

// rpcError consumes the error member of an answer and returns it as an error,
// nil where it is null.
func rpcError(r *jsonhex.Reader) error {
	text, err := r.Raw()
	if err != nil || string(text) == "null" {
		return err
	}
	var body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return fmt.Errorf("the node answered an error that is not readable: %s", jsonhex.Excerpt(text))
	}
	return fmt.Errorf("the node answered error %d: %s", body.Code, body.Message)
}
