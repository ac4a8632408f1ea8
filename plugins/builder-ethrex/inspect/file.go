package inspect

import (
	"errors"
	"fmt"
	"slices"

	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness"
)

// File is a guest input whose structure has been checked.
type File struct {
	Format  guest.Format
	Framing guest.Framing
	Archive []byte // the input without the frame
	Root    rkyv.View

	// AlsoFormats are other formats in which the same bytes are valid. The formats differ so
	// much that there should be none.
	AlsoFormats []guest.Format
}

// Read reads the input in a file. Errors begin with the path.
func Read(path string) (*File, error) {
	content, err := witness.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Open(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Open detects the format and the framing of an input by checking it against all of them. The
// error gives the reason for each that does not fit.
func Open(content []byte) (*File, error) {
	var f *File
	var failures []error
	try := func(archive []byte, framing guest.Framing) {
		for _, format := range guest.Formats() {
			root, err := rkyv.Open(archive, layoutOf(format))
			if err == nil {
				err = checkPlausible(root)
			}
			switch {
			case err != nil:
				failures = append(failures, fmt.Errorf("as %s, %s: %w", format, framing, err))
			case f == nil:
				f = &File{Format: format, Framing: framing, Archive: archive, Root: root}
			default:
				f.AlsoFormats = append(f.AlsoFormats, format)
			}
		}
	}
	if archive, err := guest.Unframe(content); err == nil {
		try(archive, guest.Framed)
	}
	if f == nil {
		try(content, guest.Raw)
	}
	if f == nil {
		return nil, fmt.Errorf("no guest input in any known format: %w", errors.Join(failures...))
	}
	return f, nil
}

// checkPlausible finds archives of another format that are valid in this layout by chance. In
// those the number of blocks, the block number or the order of the storage tries is wrong.
func checkPlausible(root rkyv.View) error {
	if root.HasField("blocks") && root.Field("blocks").Len() != 1 {
		return fmt.Errorf("it holds %d blocks, not one", root.Field("blocks").Len())
	}
	if root.HasField("fee_configs") {
		if _, some := root.Field("fee_configs").Some(); some {
			return errors.New("it holds fee configurations, which only rollups have")
		}
	}
	w := root.Field("execution_witness")
	if have, want := w.Field("first_block_number").Uint64(), block(root).Field("header").Field("number").Uint64(); have != want {
		return fmt.Errorf("the witness is for block %d, the block is %d", have, want)
	}
	var last []byte
	ordered := true
	w.Field("storage_trie_roots").Entries(func(key, _ rkyv.View) bool {
		ordered = last == nil || slices.Compare(last, key.Image()) < 0
		last = key.Image()
		return ordered
	})
	if !ordered {
		return errors.New("the storage tries are not in the order of their keys")
	}
	return nil
}

// block returns the block of an input.
func block(root rkyv.View) rkyv.View {
	if root.HasField("block") {
		return root.Field("block")
	}
	return root.Field("blocks").Index(0)
}
