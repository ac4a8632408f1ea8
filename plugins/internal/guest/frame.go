package guest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/proofline/proofline/sdk/files"
)

// Source is an input whose size is known before it is written.
type Source interface {
	io.WriterTo
	Size() int64
}

// StreamFramed writes an input with the given framing, as ZisK reads it from a file
// (lambdaclass/ethrex:crates/prover/src/backend/zisk.rs@52e4b646).
func StreamFramed(w io.Writer, input Source, framing Framing) error {
	var length, padding []byte
	switch framing {
	case Raw:
	case Framed:
		n := uint64(input.Size())
		length, padding = binary.LittleEndian.AppendUint64(nil, n), make([]byte, -n%8)
	default:
		return fmt.Errorf("unknown framing %q", framing)
	}
	if _, err := w.Write(length); err != nil {
		return err
	}
	if _, err := input.WriteTo(w); err != nil {
		return err
	}
	_, err := w.Write(padding)
	return err
}

// WriteFramed is StreamFramed for an input in memory.
func WriteFramed(w io.Writer, input []byte, framing Framing) error {
	return StreamFramed(w, bytes.NewReader(input), framing)
}

// StreamFile writes an input with the given framing to a file. The file appears complete
// or not at all.
func StreamFile(path string, input Source, framing Framing) error {
	return files.Replace(path, 0o644, func(w io.Writer) error { return StreamFramed(w, input, framing) })
}

// WriteFile is StreamFile for an input in memory.
func WriteFile(path string, input []byte, framing Framing) error {
	return StreamFile(path, bytes.NewReader(input), framing)
}

// Unframe returns the input in the content of a framed file. It fails where the content
// is not one frame. The result shares the memory of content.
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
