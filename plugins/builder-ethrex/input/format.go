package input

import (
	"fmt"

	"github.com/proofline/proofline/plugins/internal/guest"
)

// format describes the differences between the layouts.
type format struct {
	// multiplier means that the root ends with elasticity_multiplier and fee_configs.
	multiplier bool
	// amsterdam means that the chain configuration has the time and the blob parameters of
	// the Amsterdam fork.
	amsterdam bool
	// hegota means that the chain configuration has the time of the fork after Amsterdam.
	hegota bool
	// accessList means that the header has block_access_list_hash and slot_number.
	accessList bool
	// hashedKeys means that storage tries are found by the hash of the address and are
	// collected from the state trie. The witness then has no keys.
	hashedKeys bool
	// inlineBlock means that the root holds the block itself instead of a list of blocks
	// (EthrexInput of zisk-eth-client).
	inlineBlock bool
}

var formats = map[guest.Format]format{
	guest.G4:   {multiplier: true},
	guest.G7:   {amsterdam: true, accessList: true},
	guest.G8:   {amsterdam: true, accessList: true, hashedKeys: true},
	guest.G9:   {amsterdam: true, hegota: true, accessList: true, hashedKeys: true},
	guest.Zec7: {amsterdam: true, accessList: true, inlineBlock: true},
	guest.Zec:  {amsterdam: true, accessList: true, hashedKeys: true, inlineBlock: true},
}

func formatOf(name guest.Format) (format, error) {
	f, ok := formats[name]
	if !ok {
		return f, fmt.Errorf("format %q cannot be written", name)
	}
	return f, nil
}

// NeedsKeys reports whether a format finds storage tries by the keys of the witness.
func NeedsKeys(name guest.Format) bool { return !formats[name].hashedKeys }

// The sizes of inline images, in bytes.
const (
	transactionSize = 214
	withdrawalSize  = 44
	nodeSize        = 51
	branchSize      = 552
	referenceSize   = 34
	recipientSize   = 21
)
