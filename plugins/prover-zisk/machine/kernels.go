package machine

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Kernels lists the compute capabilities for which a program holds GPU code. A number is a
// compute capability without its point: 86 is 8.6.
type Kernels struct {
	Machine []int // machine code for cards of the same major number and the same or a higher minor number
	Exact   []int // machine code for cards of exactly this capability (sm_90a)
	PTX     []int // code that the driver translates for this and every higher capability
}

// Runs reports whether a card runs the code. It also returns true if nothing is known of
// the card or the code. Source: CUDA C++ Programming Guide, "Binary Compatibility" and
// "PTX Compatibility".
func (k Kernels) Runs(g GPU) bool {
	card, err := strconv.Atoi(strings.Replace(g.Capability, ".", "", 1))
	if err != nil || len(k.Machine)+len(k.Exact)+len(k.PTX) == 0 {
		return true
	}
	return slices.Contains(k.Exact, card) ||
		slices.ContainsFunc(k.Machine, func(code int) bool { return code/10 == card/10 && code <= card }) ||
		slices.ContainsFunc(k.PTX, func(code int) bool { return code <= card })
}

// String lists the capabilities: "8.6, 12.0, PTX 8.0".
func (k Kernels) String() string {
	var parts []string
	for _, list := range []struct {
		prefix, suffix string
		capabilities   []int
	}{{"", "", k.Machine}, {"", "a", k.Exact}, {"PTX ", "", k.PTX}} {
		for _, n := range list.capabilities {
			parts = append(parts, fmt.Sprintf("%s%d.%d%s", list.prefix, n/10, n%10, list.suffix))
		}
	}
	return strings.Join(parts, ", ")
}

// KernelsOf reads which GPU code is linked into a program, as cuobjdump --list-elf and
// --list-ptx do. The result is empty for a program without GPU code and for a script.
func KernelsOf(path string) (Kernels, error) {
	file, err := elf.Open(path)
	if format := new(elf.FormatError); errors.As(err, &format) {
		return Kernels{}, nil
	}
	if err != nil {
		return Kernels{}, err
	}
	defer file.Close()
	section := file.Section(".nv_fatbin")
	if section == nil || section.Type == elf.SHT_NOBITS {
		return Kernels{}, nil
	}
	k, err := readKernels(section, int64(section.Size))
	if err != nil {
		return Kernels{}, fmt.Errorf("GPU code of %s: %w", path, err)
	}
	return k, nil
}

// The section holds one fat binary for each compilation unit, each at a multiple of 8
// bytes. A fat binary has a header of 16 bytes (magic, version, size of the header, size
// of the rest), followed by images with a header each. NVIDIA does not document the
// format. It follows from files that NVIDIA's fatbinary 13.5 has written (testdata), and
// from n-eiling/cuda-fatbin-decompression:fatbin-decompress.h.
const (
	fatbinMagic  = 0xba55ed50
	fatbinHeader = 16
	imageHeader  = 64 // smallest size of an image's header
	imagePTX     = 1
	imageELF     = 2
	imageExact   = 1 << 20 // flag of machine code for exactly one capability
)

func readKernels(from io.ReaderAt, size int64) (k Kernels, err error) {
	for at := int64(0); at+fatbinHeader <= size; {
		var header [fatbinHeader]byte
		if _, err := from.ReadAt(header[:], at); err != nil {
			return k, err
		}
		if binary.LittleEndian.Uint32(header[:]) != fatbinMagic {
			if binary.LittleEndian.Uint64(header[:]) != 0 {
				return k, fmt.Errorf("there is no fat binary at byte %d", at)
			}
			at += 8 // padding between two fat binaries
			continue
		}
		length := binary.LittleEndian.Uint64(header[8:])
		next := at + int64(binary.LittleEndian.Uint16(header[6:]))
		if length > uint64(size) || next < at+fatbinHeader || next+int64(length) > size {
			return k, fmt.Errorf("the fat binary at %d is cut off", at)
		}
		if err := k.readImages(from, next, next+int64(length)); err != nil {
			return k, err
		}
		at = (next + int64(length) + 7) &^ 7
	}
	for _, list := range []*[]int{&k.Machine, &k.Exact, &k.PTX} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return k, nil
}

func (k *Kernels) readImages(from io.ReaderAt, at, end int64) error {
	for at+imageHeader <= end {
		var header [imageHeader]byte
		if _, err := from.ReadAt(header[:], at); err != nil {
			return err
		}
		length, size := binary.LittleEndian.Uint32(header[4:]), binary.LittleEndian.Uint64(header[8:])
		if length < imageHeader || size > uint64(end-at) || at+int64(length)+int64(size) > end {
			return fmt.Errorf("the image at %d is cut off", at)
		}
		capability := int(binary.LittleEndian.Uint32(header[28:]))
		switch kind := binary.LittleEndian.Uint16(header[:]); {
		case kind == imagePTX:
			k.PTX = append(k.PTX, capability)
		case kind == imageELF && binary.LittleEndian.Uint64(header[40:])&imageExact != 0:
			k.Exact = append(k.Exact, capability)
		case kind == imageELF:
			k.Machine = append(k.Machine, capability)
		}
		at += int64(length) + int64(size)
	}
	return nil
}
