package guest

import "fmt"

// Fork is the index of a fork in the schema id of an SSZ StatelessInput. A fork that
// changes only blob parameters has an index, too.
type Fork uint8

// The forks that have an index.
const (
	Paris     Fork = 0x0e
	Shanghai  Fork = 0x0f
	Cancun    Fork = 0x10
	Prague    Fork = 0x11
	Osaka     Fork = 0x12
	BPO1      Fork = 0x13
	BPO2      Fork = 0x14
	Amsterdam Fork = 0x15
)

var forkNames = map[Fork]string{
	Paris: "Paris", Shanghai: "Shanghai", Cancun: "Cancun", Prague: "Prague",
	Osaka: "Osaka", BPO1: "BPO1", BPO2: "BPO2", Amsterdam: "Amsterdam",
}

func (f Fork) String() string {
	if name, ok := forkNames[f]; ok {
		return name
	}
	return fmt.Sprintf("fork %#02x", uint8(f))
}

// Known reports whether the fork is one of the constants.
func (f Fork) Known() bool { _, ok := forkNames[f]; return ok }

// SchemaID returns the first two bytes of an input of the fork as a big-endian number:
// the index, then the version of the schema.
func (f Fork) SchemaID() uint16 { return uint16(f)<<8 | 1 }

// Forks is the range of forks whose blocks a program accepts, both ends included.
type Forks struct {
	From Fork `json:"from"`
	To   Fork `json:"to"`
}

// Has reports whether the fork lies in the range.
func (f Forks) Has(fork Fork) bool { return f.From <= fork && fork <= f.To }

func (f Forks) String() string {
	if f.From == f.To {
		return fmt.Sprintf("%v blocks only", f.From)
	}
	return fmt.Sprintf("blocks of %v to %v", f.From, f.To)
}

// Blobs are the blob parameters (EIP-7840) of a fork.
type Blobs struct {
	Target, Max    int
	UpdateFraction uint64
}

// The guests of an SSZ StatelessInput derive the chain configuration from the fork and
// the chain id (ethrex-common 31.0.0, amsterdam_chain_config;
// paradigmxyz/stateless:crates/stateless-validator-reth@3e430006).

// DepositContract is the deposit contract that these guests use on every chain. It is
// mainnet's.
const DepositContract = "0x00000000219ab540356cBB839Cbe05303d7705Fa"

// Blobs returns the blob parameters that these guests use, zero before Cancun.
func (f Fork) Blobs() Blobs {
	switch f {
	case Cancun:
		return Blobs{3, 6, 3338477}
	case Prague, Osaka:
		return Blobs{6, 9, 5007716}
	case BPO1:
		return Blobs{10, 15, 8346193}
	case BPO2, Amsterdam:
		return Blobs{14, 21, 11684671}
	}
	return Blobs{}
}
