package chainspec

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/holiman/uint256"
)

// from returns a pointer to the block or time from which a fork is active.
func from(n uint64) *uint64 { return &n }

func mainnet() *Config {
	return &Config{
		ChainID:                       1,
		HomesteadBlock:                from(1150000),
		DAOForkBlock:                  from(1920000),
		DAOForkSupport:                true,
		EIP150Block:                   from(2463000),
		EIP155Block:                   from(2675000),
		EIP158Block:                   from(2675000),
		ByzantiumBlock:                from(4370000),
		ConstantinopleBlock:           from(7280000),
		PetersburgBlock:               from(7280000),
		IstanbulBlock:                 from(9069000),
		MuirGlacierBlock:              from(9200000),
		BerlinBlock:                   from(12244000),
		LondonBlock:                   from(12965000),
		ArrowGlacierBlock:             from(13773000),
		GrayGlacierBlock:              from(15050000),
		ShanghaiTime:                  from(1681338455),
		CancunTime:                    from(1710338135),
		PragueTime:                    from(1746612311),
		OsakaTime:                     from(1764798551),
		BPO1Time:                      from(1765290071),
		BPO2Time:                      from(1767747671),
		TerminalTotalDifficulty:       uint256.MustFromDecimal("58750000000000000000000"),
		TerminalTotalDifficultyPassed: true,
		BlobSchedule:                  defaultSchedule,
		DepositContract:               common.HexToAddress("0x00000000219ab540356cBB839Cbe05303d7705Fa"),
	}
}

// mergedFromGenesis returns the part of the configuration that the test networks
// share: all forks of the proof-of-work era are active from genesis.
func mergedFromGenesis(id uint64) *Config {
	return &Config{
		ChainID:                       id,
		HomesteadBlock:                from(0),
		EIP150Block:                   from(0),
		EIP155Block:                   from(0),
		EIP158Block:                   from(0),
		ByzantiumBlock:                from(0),
		ConstantinopleBlock:           from(0),
		PetersburgBlock:               from(0),
		IstanbulBlock:                 from(0),
		BerlinBlock:                   from(0),
		LondonBlock:                   from(0),
		TerminalTotalDifficultyPassed: true,
		BlobSchedule:                  defaultSchedule,
	}
}

func sepolia() *Config {
	c := mergedFromGenesis(11155111)
	c.MergeNetsplitBlock = from(1735371)
	c.ShanghaiTime = from(1677557088)
	c.CancunTime = from(1706655072)
	c.PragueTime = from(1741159776)
	c.OsakaTime = from(1760427360)
	c.BPO1Time = from(1761017184)
	c.BPO2Time = from(1761607008)
	c.TerminalTotalDifficulty = uint256.NewInt(17000000000000000)
	c.DepositContract = common.HexToAddress("0x7f02C3E3c98b133055B8B348B2Ac625669Ed295D")
	return c
}

func holesky() *Config {
	c := mergedFromGenesis(17000)
	c.MergeNetsplitBlock = from(0)
	c.ShanghaiTime = from(1696000704)
	c.CancunTime = from(1707305664)
	c.PragueTime = from(1740434112)
	c.OsakaTime = from(1759308480)
	c.BPO1Time = from(1759800000)
	c.BPO2Time = from(1760389824)
	c.TerminalTotalDifficulty = uint256.NewInt(0)
	c.DepositContract = common.HexToAddress("0x4242424242424242424242424242424242424242")
	return c
}

func hoodi() *Config {
	c := mergedFromGenesis(560048)
	c.MergeNetsplitBlock = from(0)
	c.ShanghaiTime = from(0)
	c.CancunTime = from(0)
	c.PragueTime = from(1742999832)
	c.OsakaTime = from(1761677592)
	c.BPO1Time = from(1762365720)
	c.BPO2Time = from(1762955544)
	c.TerminalTotalDifficulty = uint256.NewInt(0)
	c.DepositContract = common.HexToAddress("0x00000000219ab540356cBB839Cbe05303d7705Fa")
	return c
}
