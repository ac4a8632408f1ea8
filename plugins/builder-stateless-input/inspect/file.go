package inspect

import (
	"fmt"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness"
)

// File is the content of an input file.
type File struct {
	Framing guest.Framing
	Input   *input.Input
	Encoded []byte // without the frame
}

// Read reads a file and detects its framing and dialect. Errors begin with the path.
func Read(path string) (*File, error) {
	content, err := witness.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Decode(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Decode is Read for the content of a file.
func Decode(content []byte) (*File, error) {
	f := &File{Framing: guest.Raw, Encoded: content}
	if inner, err := guest.Unframe(content); err == nil {
		f.Framing, f.Encoded = guest.Framed, inner
	}
	dialect, err := input.Detect(f.Encoded)
	if err != nil {
		return nil, err
	}
	if f.Input, err = input.Decode(f.Encoded, dialect); err != nil {
		return nil, fmt.Errorf("dialect %s: %w", dialect, err)
	}
	return f, nil
}
