package input

import (
	"fmt"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	ethwitness "github.com/proofline/proofline/sdk/witness"
)

// refuseAmsterdam returns an error for a block of the Amsterdam fork, which no rkyv layout of
// a release can hold.
func refuseAmsterdam(b *ethblock.Block, c *chainspec.Config) error {
	reason := ""
	switch h := &b.Header; {
	case h.BlockAccessListHash != nil:
		reason = "it has a blockAccessListHash"
	case h.SlotNumber != nil:
		reason = "it has a slotNumber"
	case c.AmsterdamTime != nil && h.Timestamp >= *c.AmsterdamTime:
		reason = fmt.Sprintf("amsterdamTime of the chain is %d", *c.AmsterdamTime)
	default:
		return nil
	}
	return fmt.Errorf("an Amsterdam block (%s): no guest of an rkyv format accepts it; use builder-stateless-input with a guest of Amsterdam, for example ethrex-v29", reason)
}

// checkStrict returns an error for a form of the witness that ethrex's own converter cannot
// read.
func checkStrict(w *ethwitness.Witness, f format) error {
	switch {
	case w.Shape == ethwitness.ShapeObjects:
		return fmt.Errorf("strict: headers are objects, as of geth; ethrex reads RLP strings only")
	case w.Shape == ethwitness.ShapeMaps:
		return fmt.Errorf("strict: state, codes or keys is a map, as of old reth; ethrex reads lists only")
	case !w.CodesGiven:
		return fmt.Errorf("strict: codes is missing or null")
	case !w.KeysGiven && !f.hashedKeys:
		return fmt.Errorf("strict: keys is missing or null")
	}
	return nil
}

// verify checks that block, witness and chain configuration belong together.
func verify(b *ethblock.Block, w *ethwitness.Witness, c *chainspec.Config) error {
	for i := range b.Transactions {
		if t := &b.Transactions[i]; t.Type != ethblock.TypeLegacy && t.ChainID != c.ChainID {
			return fmt.Errorf("transactions[%d] is for chain %d, but the chain configuration is of chain %d: wrong network", i, t.ChainID, c.ChainID)
		}
	}
	header, err := b.Check()
	if err != nil {
		return err
	}
	if _, err = w.Ancestors(types.NewBlockWithHeader(header)); err != nil {
		return &WitnessError{err}
	}
	return nil
}

// parentStateRoot returns the state root of the first header with the number before the
// block's. It ignores the headers after it.
func parentStateRoot(headers [][]byte, number uint64) (root [32]byte, err error) {
	for i, raw := range headers {
		have, root, err := numberAndRoot(raw)
		if err != nil {
			return root, fmt.Errorf("headers[%d]: %w", i, err)
		}
		if number > 0 && have == number-1 {
			return root, nil
		}
	}
	return root, fmt.Errorf("headers: none of the %d is that of the parent, block %d", len(headers), int64(number)-1)
}

// numberAndRoot reads the number and the state root of an RLP-encoded header.
func numberAndRoot(raw []byte) (number uint64, root [32]byte, err error) {
	items, rest, err := rlp.SplitList(raw)
	if err != nil {
		return 0, root, fmt.Errorf("not one RLP list: %w", err)
	}
	if len(rest) > 0 {
		return 0, root, fmt.Errorf("%d bytes after the RLP list", len(rest))
	}
	for i := 0; ; i++ {
		if i == 8 {
			number, _, err = rlp.SplitUint64(items)
			if err != nil {
				err = fmt.Errorf("number: %w", err)
			}
			return number, root, err
		}
		var item []byte
		if item, items, err = rlp.SplitString(items); err != nil {
			return 0, root, fmt.Errorf("item %d: %w", i, err)
		}
		if i == 3 {
			if len(item) != 32 {
				return 0, root, fmt.Errorf("state root of %d bytes", len(item))
			}
			root = [32]byte(item)
		}
	}
}
