package proof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// decoders holds a decoder for each layout.
var decoders = map[Layout]func([]byte) (*Proof, error){
	Words: decodeWords, Flat: decodeFlat, Tagged: decodeTagged, Ere: decodeEre,
	Bincode016: decodeBincode016, Bincode017: decodeBincode017,
	Bincode018: decodeBincode018, Bincode100: decodeBincode100,
	Bincode110: decodeBincode110, Bincode140: decodeBincode140,
}

// order is the order in which layouts are tried. No file fits two of them, because each
// decoder accounts for every byte and checks the public words.
var order = []Layout{Tagged, Flat, Ere, Bincode017, Bincode016, Bincode110, Bincode140, Bincode100, Bincode018, Words}

// Layouts returns all layouts, in the order in which Decode tries them.
func Layouts() []Layout { return append([]Layout(nil), order...) }

// Read decodes a proof file, plain or compressed with zstd. With an empty layout it finds
// out the layout. Errors name the path.
func Read(path string, layout Layout) (*Proof, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var data bytes.Buffer
	if info, err := file.Stat(); err == nil {
		data.Grow(int(min(info.Size(), MaxSize)) + bytes.MinRead)
	}
	if _, err := data.ReadFrom(io.LimitReader(file, MaxSize+1)); err != nil {
		return nil, err
	}
	p, err := Decode(data.Bytes(), layout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Decode decodes a proof, plain or compressed with zstd. With an empty layout it finds out
// the layout. It fails for more than MaxSize bytes.
func Decode(data []byte, layout Layout) (*Proof, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("more than %d bytes are too many for a proof", MaxSize)
	}
	if len(data) == 0 {
		return nil, errors.New("the proof is empty")
	}
	data, err := Decompress(data)
	if err != nil {
		return nil, err
	}
	if layout != "" {
		decode := decoders[layout]
		if decode == nil {
			return nil, fmt.Errorf("unknown layout %q", layout)
		}
		p, err := decode(data)
		if err != nil {
			return nil, fmt.Errorf("not a proof in the layout %s: %w", layout, err)
		}
		return p, nil
	}
	for _, layout := range order {
		if p, err := decoders[layout](data); err == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%d bytes are no proof in any layout of ZisK 0.14 to %v", len(data), newestRelease)
}

// DecodeSaved decodes a file that a release has saved. For a release that is newer than
// the known ones it tries the newest layout.
func DecodeSaved(data []byte, r Release) (*Proof, error) {
	layout, err := r.Saved()
	if err != nil {
		if r == (Release{}) || !r.isUnknown() {
			return nil, err
		}
		layout = Tagged
	}
	p, decodeErr := Decode(data, layout)
	switch {
	case decodeErr != nil && err != nil:
		return nil, fmt.Errorf("a proof file of ZisK %v: %w (%w)", r, decodeErr, err)
	case decodeErr != nil:
		return nil, fmt.Errorf("a proof file of ZisK %v: %w", r, decodeErr)
	}
	return p, nil
}

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Decompress decompresses zstd, with which 0.14 compresses the file that operators
// report. It returns bytes that are not compressed unchanged. It fails if the result is
// larger than MaxSize.
func Decompress(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, zstdMagic) {
		return data, nil
	}
	r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxSize))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	plain, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	if len(plain) > MaxSize {
		return nil, fmt.Errorf("more than %d bytes behind zstd are too many for a proof", MaxSize)
	}
	return plain, nil
}

// Compress compresses bytes with zstd at its fastest level, as 0.14 does.
func Compress(data []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return w.EncodeAll(data, nil), nil
}
