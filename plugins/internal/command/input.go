package command

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/proofline/proofline/sdk"
)

// Forms of the guest input that Convert can write.
const (
	InputRaw       = "raw"        // as the builder wrote it
	InputU32Length = "u32-length" // the length as a little-endian u32, then the input
	InputZiskStrip = "zisk-strip" // without the frame that the builder wrote for ZisK
	InputHex       = "hex"        // one line of hexadecimal digits
)

// Convert writes the guest input at from to the file to in another form, and returns the
// path of the file that the program is to read. For InputRaw it writes nothing and
// returns from. It returns a permanent error where the input cannot have that form.
func Convert(from, form, to string) (path string, err error) {
	if form == InputRaw || form == "" {
		return from, nil
	}
	src, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return "", err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	w := bufio.NewWriter(dst)
	switch form {
	case InputU32Length:
		if info.Size() > math.MaxUint32 {
			return "", sdk.Permanent(fmt.Errorf("the guest input has %d bytes, which 32 bits cannot count", info.Size()))
		}
		if _, err = w.Write(binary.LittleEndian.AppendUint32(nil, uint32(info.Size()))); err == nil {
			_, err = io.Copy(w, src)
		}
	case InputHex:
		if _, err = io.Copy(hex.NewEncoder(w), src); err == nil {
			err = w.WriteByte('\n')
		}
	case InputZiskStrip:
		err = removeFrame(w, src, info.Size())
	default:
		err = fmt.Errorf("unknown form %q of the guest input", form)
	}
	if err == nil {
		err = w.Flush()
	}
	return to, err
}

// removeFrame copies the content of a file that consists of one frame: a little-endian
// u64 length, the content, and zeros up to a multiple of eight bytes
// (0xPolygonHermez/zisk:ziskos/entrypoint/src/io.rs@v0.16.1).
func removeFrame(w io.Writer, r io.Reader, size int64) error {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return sdk.Permanent(fmt.Errorf("the guest input has %d bytes, too few for a frame of ZisK", size))
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > uint64(size-8) || uint64(size-8) != (n+7)&^7 {
		return sdk.Permanent(fmt.Errorf("the guest input of %d bytes is no single frame of ZisK: its first 8 bytes say %d; set input to raw, or framing in the builder's config", size, n))
	}
	_, err := io.CopyN(w, r, int64(n))
	return err
}
