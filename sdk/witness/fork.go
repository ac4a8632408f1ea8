package witness

import (
	"fmt"

	"github.com/ethereum/go-ethereum/core/types"
)

// CheckForks refuses a header that has members of a fork and lacks others of the
// fork or of one before it. Its hash need not tell: an absent number before another
// member is encoded as a zero is. The newest fork that the header has members of is
// taken for its fork.
func CheckForks(h *types.Header) error {
	added := []struct {
		fork  string
		name  string
		there bool
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
	newest := 0 // every header since the Merge is one of London
	for i, m := range added {
		if m.there {
			newest = i
		}
	}
	for i, m := range added {
		if !m.there && (i < newest || m.fork == added[newest].fork) {
			return fmt.Errorf("%s is missing, which every header since %s has: this one has members of %s", m.name, m.fork, added[newest].fork)
		}
	}
	return nil
}
