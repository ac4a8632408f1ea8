package witness

import (
	"fmt"

	"github.com/ethereum/go-ethereum/core/types"
)

// CheckForks fails if a header has a member of a fork and lacks another member of that
// fork or of an earlier one. The hash does not reveal such a header in every case, because
// an absent number before a later member is encoded like a zero. The fork of a header is
// the newest one of which it has a member.
func CheckForks(h *types.Header) error {
	added := []struct {
		fork    string
		name    string
		present bool
	}{
		{"London", "baseFeePerGas", h.BaseFee != nil},
		{"Shanghai", "withdrawalsRoot", h.WithdrawalsHash != nil},
		{"Cancun", "blobGasUsed", h.BlobGasUsed != nil},
		{"Cancun", "excessBlobGas", h.ExcessBlobGas != nil},
		{"Cancun", "parentBeaconBlockRoot", h.ParentBeaconRoot != nil},
		{"Prague", "requestsHash", h.RequestsHash != nil},
		{"Amsterdam", "blockAccessListHash", h.BlockAccessListHash != nil},
		{"Amsterdam", "slotNumber", h.SlotNumber != nil},
	}
	newest := 0 // every header since the Merge has at least the members of London
	for i, m := range added {
		if m.present {
			newest = i
		}
	}
	for i, m := range added {
		if !m.present && (i < newest || m.fork == added[newest].fork) {
			return fmt.Errorf("%s is missing, which every header since %s has: this one has members of %s", m.name, m.fork, added[newest].fork)
		}
	}
	return nil
}
