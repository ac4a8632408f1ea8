package zisk

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/proofline/proofline/plugins/internal/guest"
)

// Framing returns the framing that the version reads.
// Source: 0xPolygonHermez/zisk:ziskos/entrypoint/src/io.rs@v0.16.1.
func (v Version) Framing() guest.Framing {
	if v.Major == 0 && v.Minor <= 15 {
		return guest.Raw
	}
	return guest.Framed
}

// DetectFraming returns the framing of a file and its number of frames. A file is
// framed when it consists of frames from its first byte to its last, with zeros for
// padding and at least one frame that is not empty. A raw file is taken for a framed
// one only if its first eight bytes happen to be such a length.
func DetectFraming(r io.ReaderAt, size int64) (guest.Framing, int, error) {
	frames, data := 0, int64(0)
	var head [8]byte
	for at := int64(0); at < size; frames++ {
		if size-at < 8 || size%8 != 0 {
			return guest.Raw, 0, nil
		}
		if _, err := r.ReadAt(head[:], at); err != nil {
			return "", 0, err
		}
		length := binary.LittleEndian.Uint64(head[:])
		at += 8
		if length > math.MaxInt64-7 || int64(length+7)&^7 > size-at {
			return guest.Raw, 0, nil
		}
		n := int64(length)
		if pad := -n & 7; pad > 0 {
			if _, err := r.ReadAt(head[:pad], at+n); err != nil {
				return "", 0, err
			}
			for _, b := range head[:pad] {
				if b != 0 {
					return guest.Raw, 0, nil
				}
			}
		}
		at += (n + 7) &^ 7
		data += n
	}
	if data == 0 {
		return guest.Raw, 0, nil
	}
	return guest.Framed, frames, nil
}

// CheckInput checks that the version can read the input file. The error names what to
// change in the builder's config.
func (v Version) CheckInput(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%s is empty", path)
	}
	found, frames, err := DetectFraming(file, info.Size())
	if err != nil {
		return err
	}
	if want := v.Framing(); found != want {
		text := "is not framed"
		if found == guest.Framed {
			text = fmt.Sprintf("is framed (%d frames)", frames)
		}
		return fmt.Errorf("the guest input %s %s, but ZisK %v reads %s input: set `framing: %s`, or `zisk: %d.%d`, in the builder's config and build it again",
			path, text, v, want, want, v.Major, v.Minor)
	}
	return nil
}
