package input

import (
	"github.com/proofline/proofline/plugins/internal/chainspec"
)

// chainConfig writes the image of a ChainConfig, which has no out-of-line data
// (lambdaclass/ethrex:crates/common/types/genesis.rs@891528d:212).
func (w *writer) chainConfig(c *chainspec.Config) {
	w.Uint64(c.ChainID)
	w.optionUint64(c.HomesteadBlock)
	w.optionUint64(c.DAOForkBlock)
	w.Bool(c.DAOForkSupport)
	for _, fork := range []*uint64{
		c.EIP150Block, c.EIP155Block, c.EIP158Block, c.ByzantiumBlock, c.ConstantinopleBlock, c.PetersburgBlock, c.IstanbulBlock,
		c.MuirGlacierBlock, c.BerlinBlock, c.LondonBlock, c.ArrowGlacierBlock, c.GrayGlacierBlock, c.MergeNetsplitBlock,
		c.ShanghaiTime, c.CancunTime, c.PragueTime, c.VerkleTime, c.OsakaTime, c.BPO1Time, c.BPO2Time, c.BPO3Time, c.BPO4Time, c.BPO5Time,
	} {
		w.optionUint64(fork)
	}
	if w.format.amsterdam {
		w.optionUint64(c.AmsterdamTime)
	}
	if ttd := c.TerminalTotalDifficulty; ttd != nil {
		w.Byte(1)
		w.Limbs(ttd[:2])
	} else {
		w.Zero(17)
	}
	w.Bool(c.TerminalTotalDifficultyPassed)
	s := &c.BlobSchedule
	for _, blob := range []chainspec.Blob{s.Cancun, s.Prague, s.Osaka, s.BPO1, s.BPO2} {
		w.blob(blob)
	}
	optional := []*chainspec.Blob{s.BPO3, s.BPO4, s.BPO5, s.Amsterdam}
	if !w.format.amsterdam {
		optional = optional[:3]
	}
	for _, blob := range optional {
		if blob == nil {
			w.Zero(17)
			continue
		}
		w.Byte(1)
		w.blob(*blob)
	}
	w.Append(c.DepositContract[:])
	w.Bool(c.VerkleAtGenesis)
}

func (w *writer) blob(b chainspec.Blob) {
	w.Uint64(b.BaseFeeUpdateFraction)
	w.Uint32(b.Max)
	w.Uint32(b.Target)
}
