package input

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/plugins/internal/guest"
)

// ConfigError means that the chain's configuration does not fit the block. The file with the
// configuration is at fault, not the block.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

func (e *ConfigError) Unwrap() error { return e.Err }

// Fork returns the fork of a block by the chain's configuration, which must agree with the
// block's header. It fails for forks whose blocks no guest accepts.
func Fork(chain *params.ChainConfig, header *types.Header) (guest.Fork, error) {
	number, time := header.Number, header.Time
	byHeader := header.BlockAccessListHash != nil && header.SlotNumber != nil
	byTime := chain.IsAmsterdam(number, time)
	switch {
	case byHeader && !byTime:
		return 0, &ConfigError{fmt.Errorf("block %d: an Amsterdam block by its header, but in the configuration of chain %v amsterdamTime is %s and the block's time %d: set network: custom and genesis to a file with the fork's time", number, chain.ChainID, timeText(chain.AmsterdamTime), time)}
	case byTime && !byHeader:
		return 0, fmt.Errorf("block %d: amsterdamTime of chain %v is %d and the block's time %d, but its header lacks blockAccessListHash or slotNumber", number, chain.ChainID, *chain.AmsterdamTime, time)
	case chain.IsBogota(number, time):
		return 0, fmt.Errorf("block %d: a block of Bogota, which no known guest accepts", number)
	case byTime:
		return guest.Amsterdam, nil
	case chain.IsBPO5(number, time), chain.IsBPO4(number, time), chain.IsBPO3(number, time):
		return 0, fmt.Errorf("block %d: the chain has blob parameters newer than BPO2 at its time, which have no schema id", number)
	case chain.IsBPO2(number, time):
		return guest.BPO2, nil
	case chain.IsBPO1(number, time):
		return guest.BPO1, nil
	case chain.IsOsaka(number, time):
		return guest.Osaka, nil
	case chain.IsPrague(number, time):
		return guest.Prague, nil
	case chain.IsCancun(number, time):
		return guest.Cancun, nil
	case chain.IsShanghai(number, time):
		return guest.Shanghai, nil
	}
	return guest.Paris, nil
}

func timeText(time *uint64) string {
	if time == nil {
		return "not set"
	}
	return fmt.Sprint(*time)
}

// CheckAccepted checks that the guest accepts the fork, and that the chain has the blob
// parameters that the guest derives from the fork. Otherwise the guest would run to its end
// and prove that it has refused the block.
func CheckAccepted(name string, forks guest.Forks, fork guest.Fork, chain *params.ChainConfig, header *types.Header) error {
	number := header.Number
	if !forks.Has(fork) {
		hint := "use a guest that accepts it, for example reth-0.1.0-rc.4"
		if fork < guest.Amsterdam {
			hint += ", or builder-ethrex for a guest of an rkyv format"
		}
		return fmt.Errorf("block %d: a block of %v, but guest %s takes %v: %s", number, fork, name, forks, hint)
	}
	if have, want := blobsAt(chain, number, header.Time), fork.Blobs(); fork >= guest.Cancun && have != want {
		return fmt.Errorf("block %d: chain %v has the blob parameters %+v at its time, guest %s takes those of %v on every chain, %+v: it would refuse the block", number, chain.ChainID, have, name, fork, want)
	}
	return nil
}

// DepositError returns the error for a block for which a guest finds other deposits than the
// chain.
func DepositError(name string, chain *params.ChainConfig, number uint64) error {
	return fmt.Errorf("block %d: it has deposits that guest %s does not see: guests take mainnet's deposit contract %s for that of every chain, chain %v has %s: it would refuse the block",
		number, name, guest.DepositContract, chain.ChainID, chain.DepositContractAddress.Hex())
}

// blobsAt returns the chain's blob parameters at a time.
func blobsAt(chain *params.ChainConfig, number *big.Int, time uint64) guest.Blobs {
	s := chain.BlobScheduleConfig
	if s == nil {
		return guest.Blobs{}
	}
	for _, at := range []struct {
		active bool
		blobs  *params.BlobConfig
	}{
		{chain.IsBPO5(number, time), s.BPO5},
		{chain.IsBPO4(number, time), s.BPO4},
		{chain.IsBPO3(number, time), s.BPO3},
		{chain.IsBPO2(number, time), s.BPO2},
		{chain.IsBPO1(number, time), s.BPO1},
		{chain.IsPrague(number, time), s.Prague},
		{chain.IsCancun(number, time), s.Cancun},
	} {
		if at.active && at.blobs != nil {
			return guest.Blobs{Target: at.blobs.Target, Max: at.blobs.Max, UpdateFraction: at.blobs.UpdateFraction}
		}
	}
	return guest.Blobs{}
}
