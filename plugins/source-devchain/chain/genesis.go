package chain

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
)

// ID is the chain id.
const ID = 77663

// Gas limits of the genesis block and of all others. A chain that passes to Amsterdam has
// the larger one, because the same transactions need more gas there.
const (
	gasLimit          = 60_000_000
	amsterdamGasLimit = 300_000_000
)

// rules returns the chain config. Every fork up to Osaka and Hoodi's blob schedule up to
// BPO2 are active from the first block on, and Amsterdam from the fork on. A chain with a
// fork has mainnet's deposit contract, because the guests of Amsterdam support no other.
func rules(fork *fork) *params.ChainConfig {
	zero := func() *uint64 { return new(uint64) }
	hoodi := params.HoodiChainConfig
	c := &params.ChainConfig{
		ChainID:                 big.NewInt(ID),
		HomesteadBlock:          new(big.Int),
		EIP150Block:             new(big.Int),
		EIP155Block:             new(big.Int),
		EIP158Block:             new(big.Int),
		ByzantiumBlock:          new(big.Int),
		ConstantinopleBlock:     new(big.Int),
		PetersburgBlock:         new(big.Int),
		IstanbulBlock:           new(big.Int),
		MuirGlacierBlock:        new(big.Int),
		BerlinBlock:             new(big.Int),
		LondonBlock:             new(big.Int),
		ArrowGlacierBlock:       new(big.Int),
		GrayGlacierBlock:        new(big.Int),
		MergeNetsplitBlock:      new(big.Int),
		ShanghaiTime:            zero(),
		CancunTime:              zero(),
		PragueTime:              zero(),
		OsakaTime:               zero(),
		BPO1Time:                zero(),
		BPO2Time:                zero(),
		TerminalTotalDifficulty: new(big.Int),
		DepositContractAddress:  common.HexToAddress("0x4242424242424242424242424242424242424242"),
		BlobScheduleConfig: &params.BlobScheduleConfig{
			Cancun: hoodi.BlobScheduleConfig.Cancun,
			Prague: hoodi.BlobScheduleConfig.Prague,
			BPO1:   hoodi.BlobScheduleConfig.BPO1,
			BPO2:   hoodi.BlobScheduleConfig.BPO2,
		},
	}
	if fork != nil {
		c.AmsterdamTime = &fork.Time
		c.DepositContractAddress = params.MainnetChainConfig.DepositContractAddress
	}
	return c
}

// genesisTime is the timestamp of the genesis block. The first block has the present time.
const genesisTime = 1_762_955_544 // BPO2 of Hoodi

// newGenesis returns the genesis with the accounts of the load, the system contracts and
// the precompiles. The precompiles hold 1 wei, so that a call does not create them.
func newGenesis(config *params.ChainConfig, fork *fork, load types.GenesisAlloc) *core.Genesis {
	alloc := core.SystemContractAllocs()
	for i := byte(1); i <= 0x11; i++ {
		alloc[common.BytesToAddress([]byte{i})] = types.Account{Balance: big.NewInt(1)}
	}
	alloc[common.BytesToAddress([]byte{1, 0})] = types.Account{Balance: big.NewInt(1)}
	for address, account := range load {
		alloc[address] = account
	}
	limit := uint64(gasLimit)
	if fork != nil {
		limit = amsterdamGasLimit
	}
	return &core.Genesis{
		Config:     config,
		ExtraData:  fork.extra(),
		Timestamp:  genesisTime,
		GasLimit:   limit,
		Difficulty: new(big.Int),
		BaseFee:    big.NewInt(params.InitialBaseFee),
		Alloc:      alloc,
	}
}
