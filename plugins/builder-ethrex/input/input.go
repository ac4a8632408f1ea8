package input

import (
	"fmt"
	"io"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
)

// Input is a checked guest input of known size that can be written.
type Input struct {
	*Result
	format  format
	block   *ethblock.Block
	witness *witness
	size    int64
}

// Size returns the exact number of bytes of the archive.
func (in *Input) Size() int64 { return in.size }

// WriteTo writes the archive in parts, from its first byte to its last. After an error the
// content of out is invalid.
func (in *Input) WriteTo(out io.Writer) (int64, error) {
	w := &writer{rkyv.NewWriter(out), in.format}
	block := w.blockData(in.block)
	blocks := w.Position()
	if !in.format.inlineBlock {
		w.block(in.block, block)
	}
	w.root(in, block, blocks, w.witnessData(in.witness))
	n, err := w.Finish()
	if err == nil && n != in.size {
		err = fmt.Errorf("block %d: the archive has %d bytes, but its computed size is %d: a fault of this program", in.block.Header.Number, n, in.size)
	}
	return n, err
}

// root writes the root object.
func (w *writer) root(in *Input, block blockData, blocks rkyv.Position, data witnessData) {
	if w.format.inlineBlock {
		w.block(in.block, block)
	} else {
		w.Slice(blocks, 1)
	}
	w.witness(in.witness, data)
	if w.format.multiplier {
		const elasticityMultiplier = 2
		w.Uint64(elasticityMultiplier)
		w.Zero(9) // fee_configs: None
	}
}

// measure returns the size of the archive in bytes. It fails where that is more than the
// pointers can span.
func (in *Input) measure(tries *trieSizes) (int64, error) {
	// Everything except the witness's out-of-line data is small. It is written to a writer
	// that only counts.
	w := &writer{new(rkyv.Writer), in.format}
	block := w.blockData(in.block)
	if !in.format.inlineBlock {
		w.block(in.block, block)
	}
	w.root(in, block, 0, witnessData{})
	data, err := w.sizeOfData(in.witness, tries)
	size := data + int64(w.Position())
	if err == nil && size >= maxSize {
		err = rkyv.ErrTooLarge
	}
	return size, err
}
