package chainspec

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/params"
)

// rules converts the configuration to go-ethereum's form.
func (g *genesisConfig) rules() (*params.ChainConfig, error) {
	c := &params.ChainConfig{
		ChainID:                 new(big.Int).SetUint64(*g.ChainID),
		HomesteadBlock:          toBig(g.HomesteadBlock),
		DAOForkBlock:            toBig(g.DAOForkBlock),
		DAOForkSupport:          g.DAOForkSupport,
		EIP150Block:             toBig(g.EIP150Block),
		EIP155Block:             toBig(g.EIP155Block),
		EIP158Block:             toBig(g.EIP158Block),
		ByzantiumBlock:          toBig(g.ByzantiumBlock),
		ConstantinopleBlock:     toBig(g.ConstantinopleBlock),
		PetersburgBlock:         toBig(g.PetersburgBlock),
		IstanbulBlock:           toBig(g.IstanbulBlock),
		MuirGlacierBlock:        toBig(g.MuirGlacierBlock),
		BerlinBlock:             toBig(g.BerlinBlock),
		LondonBlock:             toBig(g.LondonBlock),
		ArrowGlacierBlock:       toBig(g.ArrowGlacierBlock),
		GrayGlacierBlock:        toBig(g.GrayGlacierBlock),
		MergeNetsplitBlock:      toBig(g.MergeNetsplitBlock),
		ShanghaiTime:            g.ShanghaiTime,
		CancunTime:              g.CancunTime,
		PragueTime:              g.PragueTime,
		OsakaTime:               g.OsakaTime,
		BPO1Time:                g.BPO1Time,
		BPO2Time:                g.BPO2Time,
		BPO3Time:                g.BPO3Time,
		BPO4Time:                g.BPO4Time,
		BPO5Time:                g.BPO5Time,
		AmsterdamTime:           g.AmsterdamTime,
		BogotaTime:              g.BogotaTime,
		UBTTime:                 g.UBTTime,
		TerminalTotalDifficulty: g.difficulty,
		BlobScheduleConfig:      g.blobs(),
	}
	if g.deposits != nil {
		c.DepositContractAddress = *g.deposits
	}
	switch {
	case c.TerminalTotalDifficulty == nil:
		return nil, fmt.Errorf("chain %s has no terminalTotalDifficulty: only chains after the merge are supported", c.ChainID)
	case c.LondonBlock == nil:
		return nil, fmt.Errorf("chain %s has no londonBlock: only chains after the merge are supported", c.ChainID)
	case g.VerkleTime != nil || g.UBTTime != nil || g.EnableVerkleAtGenesis:
		return nil, errors.New("verkleTime or ubtTime is set, whose rules cannot be executed from a witness")
	}
	if err := c.CheckConfigForkOrder(); err != nil {
		return nil, fmt.Errorf("the forks of chain %s are out of order: %w", c.ChainID, err)
	}
	return c, g.checkNamedBlobs(c)
}

// blobs converts the blob schedule. Where the file has no entry, Cancun and Prague have
// the values of EIP-4844 and EIP-7691, as in ethrex.
func (g *genesisConfig) blobs() *params.BlobScheduleConfig {
	s := &params.BlobScheduleConfig{
		Cancun: params.DefaultCancunBlobConfig,
		Prague: params.DefaultPragueBlobConfig,
	}
	for name, to := range map[string]**params.BlobConfig{
		"cancun": &s.Cancun, "prague": &s.Prague,
		"bpo1": &s.BPO1, "bpo2": &s.BPO2, "bpo3": &s.BPO3, "bpo4": &s.BPO4, "bpo5": &s.BPO5,
	} {
		if have := g.BlobSchedule[name]; have != nil {
			*to = have.params()
		}
	}
	return s
}

func (b *blob) params() *params.BlobConfig {
	return &params.BlobConfig{Target: int(*b.Target), Max: int(*b.Max), UpdateFraction: *b.BaseFeeUpdateFraction}
}

// checkNamedBlobs checks the entries of Osaka and Amsterdam, for which go-ethereum has
// no entry of its own. go-ethereum uses the newest earlier entry there, so an entry that
// differs from that is an error.
func (g *genesisConfig) checkNamedBlobs(c *params.ChainConfig) error {
	s := c.BlobScheduleConfig
	osaka, amsterdam := s.Prague, s.Prague
	for _, bpo := range []struct {
		from  *uint64
		blobs *params.BlobConfig
	}{{c.BPO1Time, s.BPO1}, {c.BPO2Time, s.BPO2}, {c.BPO3Time, s.BPO3}, {c.BPO4Time, s.BPO4}, {c.BPO5Time, s.BPO5}} {
		if bpo.from != nil && c.AmsterdamTime != nil && *bpo.from <= *c.AmsterdamTime {
			amsterdam = bpo.blobs
		}
	}
	for _, fork := range []struct {
		name string
		from *uint64
		want *params.BlobConfig
	}{{"osaka", c.OsakaTime, osaka}, {"amsterdam", c.AmsterdamTime, amsterdam}} {
		if have := g.BlobSchedule[fork.name]; have != nil && fork.from != nil && *have.params() != *fork.want {
			return fmt.Errorf("blobSchedule.%s is %+v, but go-ethereum, which executes the blocks, takes %+v there from the fork before", fork.name, *have.params(), *fork.want)
		}
	}
	return nil
}

func toBig(n *uint64) *big.Int {
	if n == nil {
		return nil
	}
	return new(big.Int).SetUint64(*n)
}
