package chainspec

import "github.com/holiman/uint256"

// Config is the configuration of a chain in the form in which ethrex puts it into a
// guest input. The fields that end in Block or Time give the number or the timestamp
// from which a fork is active; nil means never.
type Config struct {
	ChainID uint64

	HomesteadBlock      *uint64
	DAOForkBlock        *uint64
	DAOForkSupport      bool
	EIP150Block         *uint64
	EIP155Block         *uint64
	EIP158Block         *uint64
	ByzantiumBlock      *uint64
	ConstantinopleBlock *uint64
	PetersburgBlock     *uint64
	IstanbulBlock       *uint64
	MuirGlacierBlock    *uint64
	BerlinBlock         *uint64
	LondonBlock         *uint64
	ArrowGlacierBlock   *uint64
	GrayGlacierBlock    *uint64
	MergeNetsplitBlock  *uint64

	ShanghaiTime  *uint64
	CancunTime    *uint64
	PragueTime    *uint64
	VerkleTime    *uint64
	OsakaTime     *uint64
	BPO1Time      *uint64
	BPO2Time      *uint64
	BPO3Time      *uint64
	BPO4Time      *uint64
	BPO5Time      *uint64
	AmsterdamTime *uint64
	HegotaTime    *uint64 // exists in ethrex from v21 on

	TerminalTotalDifficulty       *uint256.Int // at most 128 bits
	TerminalTotalDifficultyPassed bool
	BlobSchedule                  BlobSchedule
	DepositContract               [20]byte
	VerkleAtGenesis               bool
}

// BlobSchedule holds the blob parameters by fork. The first five always exist.
type BlobSchedule struct {
	Cancun, Prague, Osaka, BPO1, BPO2 Blob
	BPO3, BPO4, BPO5, Amsterdam       *Blob
}

// Blob holds the blob parameters of one fork (EIP-7840).
type Blob struct {
	BaseFeeUpdateFraction uint64
	Max, Target           uint32
}

// defaultSchedule holds the values that ethrex uses where a genesis file has no entry
// (lambdaclass/ethrex:crates/common/types/genesis.rs@891528d).
var defaultSchedule = BlobSchedule{
	Cancun: Blob{3338477, 6, 3},
	Prague: Blob{5007716, 9, 6},
	Osaka:  Blob{5007716, 9, 6},
	BPO1:   Blob{8346193, 15, 10},
	BPO2:   Blob{11684671, 21, 14},
}
