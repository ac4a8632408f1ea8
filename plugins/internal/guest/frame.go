package guest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFramed writes an input the way that the given ZisK versions read it from a
// file (lambdaclass/ethrex:crates/prover/src/backend/zisk.rs@52e4b646).
func WriteFramed(w io.Writer, input []byte, framing Framing) error {
	switch framing {
	case Raw:
		_, err := w.Write(input)
		return err
	case Framed:
		n := uint64(len(input))
		if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, n)); err != nil {
			return err
		}
		if _, err := w.Write(input); err != nil {
			return err
		}
		_, err := w.Write(make([]byte, -n%8))
		return err
	}
	return fmt.Errorf("unknown framing %q", framing)
}

// WriteFile writes an input to a file, framed. The file appears whole or not at all.
func WriteFile(path string, input []byte, framing Framing) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".input-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := WriteFramed(f, input, framing); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Unframe returns the input in a framed file, or an error that says why the
// content is no frame around one input. The result is a part of content.
func Unframe(content []byte) ([]byte, error) {
	if len(content) < 8 {
		return nil, fmt.Errorf("%d bytes, too short for a frame", len(content))
	}
	n := binary.LittleEndian.Uint64(content)
	body := content[8:]
	if n > uint64(len(body)) {
		return nil, fmt.Errorf("the frame says %d bytes, but only %d follow", n, len(body))
	}
	padding := body[n:]
	if uint64(len(padding)) != -n%8 {
		return nil, fmt.Errorf("%d bytes after a frame of %d, where %d are due", len(padding), n, -n%8)
	}
	for _, b := range padding {
		if b != 0 {
			return nil, fmt.Errorf("the padding is not zero")
		}
	}
	return body[:n], nil
}
