package chainspec

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/holiman/uint256"
)

// genesisConfig is the "config" object of a genesis file of geth or ethrex.
type genesisConfig struct {
	ChainID             *uint64 `json:"chainId"`
	HomesteadBlock      *uint64 `json:"homesteadBlock"`
	DAOForkBlock        *uint64 `json:"daoForkBlock"`
	DAOForkSupport      bool    `json:"daoForkSupport"`
	EIP150Block         *uint64 `json:"eip150Block"`
	EIP155Block         *uint64 `json:"eip155Block"`
	EIP158Block         *uint64 `json:"eip158Block"`
	ByzantiumBlock      *uint64 `json:"byzantiumBlock"`
	ConstantinopleBlock *uint64 `json:"constantinopleBlock"`
	PetersburgBlock     *uint64 `json:"petersburgBlock"`
	IstanbulBlock       *uint64 `json:"istanbulBlock"`
	MuirGlacierBlock    *uint64 `json:"muirGlacierBlock"`
	BerlinBlock         *uint64 `json:"berlinBlock"`
	LondonBlock         *uint64 `json:"londonBlock"`
	ArrowGlacierBlock   *uint64 `json:"arrowGlacierBlock"`
	GrayGlacierBlock    *uint64 `json:"grayGlacierBlock"`
	MergeNetsplitBlock  *uint64 `json:"mergeNetsplitBlock"`
	ShanghaiTime        *uint64 `json:"shanghaiTime"`
	CancunTime          *uint64 `json:"cancunTime"`
	PragueTime          *uint64 `json:"pragueTime"`
	VerkleTime          *uint64 `json:"verkleTime"`
	OsakaTime           *uint64 `json:"osakaTime"`
	BPO1Time            *uint64 `json:"bpo1Time"`
	BPO2Time            *uint64 `json:"bpo2Time"`
	BPO3Time            *uint64 `json:"bpo3Time"`
	BPO4Time            *uint64 `json:"bpo4Time"`
	BPO5Time            *uint64 `json:"bpo5Time"`
	AmsterdamTime       *uint64 `json:"amsterdamTime"`
	HegotaTime          *uint64 `json:"hegotaTime"`

	// These are the other names of hegotaTime that ethrex accepts
	// (crates.io ethrex-common@21.0.0:types/genesis.rs). geth uses the first.
	BogotaTime      *uint64 `json:"bogotaTime"`
	BogotaTimeSnake *uint64 `json:"bogota_time"`
	HezeTime        *uint64 `json:"hezeTime"`
	HezeTimeSnake   *uint64 `json:"heze_time"`

	TerminalTotalDifficulty       json.RawMessage  `json:"terminalTotalDifficulty"`
	TerminalTotalDifficultyPassed bool             `json:"terminalTotalDifficultyPassed"`
	BlobSchedule                  map[string]*blob `json:"blobSchedule"`
	DepositContractAddress        *string          `json:"depositContractAddress"`
	EnableVerkleAtGenesis         bool             `json:"enableVerkleAtGenesis"`

	// Only geth has this entry.
	UBTTime *uint64 `json:"ubtTime"`

	difficulty *big.Int        // at most 128 bits
	deposits   *common.Address // nil where the file has none
}

type blob struct {
	BaseFeeUpdateFraction *uint64 `json:"baseFeeUpdateFraction"`
	Max                   *uint32 `json:"max"`
	Target                *uint32 `json:"target"`
}

// check parses the entries that encoding/json leaves as text, and checks what both
// forms require.
func (g *genesisConfig) check() (err error) {
	if g.ChainID == nil {
		return errors.New("chainId is missing")
	}
	if *g.ChainID == 0 {
		return errors.New("chainId is 0")
	}
	if g.difficulty, err = g.readDifficulty(); err != nil {
		return err
	}
	if g.deposits, err = g.readDeposits(); err != nil {
		return err
	}
	for name, entry := range g.BlobSchedule {
		if entry != nil && (entry.BaseFeeUpdateFraction == nil || entry.Max == nil || entry.Target == nil) {
			return fmt.Errorf("blobSchedule.%s: needs baseFeeUpdateFraction, max and target", name)
		}
	}
	return nil
}

// ethrex converts the configuration to ethrex's form.
func (g *genesisConfig) ethrex() (*Config, error) {
	if g.deposits == nil {
		return nil, errors.New("depositContractAddress is missing (a chain without deposits has 0x0000000000000000000000000000000000000000)")
	}
	c := &Config{
		ChainID:             *g.ChainID,
		HomesteadBlock:      g.HomesteadBlock,
		DAOForkBlock:        g.DAOForkBlock,
		DAOForkSupport:      g.DAOForkSupport,
		EIP150Block:         g.EIP150Block,
		EIP155Block:         g.EIP155Block,
		EIP158Block:         g.EIP158Block,
		ByzantiumBlock:      g.ByzantiumBlock,
		ConstantinopleBlock: g.ConstantinopleBlock,
		PetersburgBlock:     g.PetersburgBlock,
		IstanbulBlock:       g.IstanbulBlock,
		MuirGlacierBlock:    g.MuirGlacierBlock,
		BerlinBlock:         g.BerlinBlock,
		LondonBlock:         g.LondonBlock,
		ArrowGlacierBlock:   g.ArrowGlacierBlock,
		GrayGlacierBlock:    g.GrayGlacierBlock,
		MergeNetsplitBlock:  g.MergeNetsplitBlock,
		ShanghaiTime:        g.ShanghaiTime,
		CancunTime:          g.CancunTime,
		PragueTime:          g.PragueTime,
		VerkleTime:          g.VerkleTime,
		OsakaTime:           g.OsakaTime,
		BPO1Time:            g.BPO1Time,
		BPO2Time:            g.BPO2Time,
		BPO3Time:            g.BPO3Time,
		BPO4Time:            g.BPO4Time,
		BPO5Time:            g.BPO5Time,
		AmsterdamTime:       g.AmsterdamTime,
		HegotaTime:          cmp.Or(g.HegotaTime, g.BogotaTime, g.BogotaTimeSnake, g.HezeTime, g.HezeTimeSnake),

		TerminalTotalDifficultyPassed: g.TerminalTotalDifficultyPassed,
		VerkleAtGenesis:               g.EnableVerkleAtGenesis,
	}
	if g.difficulty != nil {
		c.TerminalTotalDifficulty = uint256.MustFromBig(g.difficulty)
	}
	c.BlobSchedule = g.schedule()
	c.DepositContract = *g.deposits
	return c, nil
}

// readDeposits parses the address of the deposit contract. It returns nil where the
// file has none.
func (g *genesisConfig) readDeposits() (*common.Address, error) {
	if g.DepositContractAddress == nil {
		return nil, nil
	}
	var address common.Address
	text := strings.TrimPrefix(*g.DepositContractAddress, "0x")
	if len(text) != 40 {
		return nil, fmt.Errorf("depositContractAddress: %q is no address", *g.DepositContractAddress)
	}
	if _, err := hex.Decode(address[:], []byte(text)); err != nil {
		return nil, fmt.Errorf("depositContractAddress: %q is no address", *g.DepositContractAddress)
	}
	return &address, nil
}

// readDifficulty parses terminalTotalDifficulty: a number, as geth writes it, or a
// string with a hexadecimal or decimal number, as ethrex does. It returns nil where
// the file has none.
func (g *genesisConfig) readDifficulty() (*big.Int, error) {
	text := string(g.TerminalTotalDifficulty)
	if text == "" || text == "null" {
		return nil, nil
	}
	if text[0] == '"' {
		if err := json.Unmarshal(g.TerminalTotalDifficulty, &text); err != nil {
			return nil, err
		}
	}
	base, digits := 10, text
	if hexadecimal, ok := strings.CutPrefix(text, "0x"); ok {
		base, digits = 16, hexadecimal
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return nil, fmt.Errorf("terminalTotalDifficulty: %s is no number of up to 128 bits", text)
	}
	return n, nil
}

// schedule returns the blob parameters of the file, with ethrex's defaults for missing
// entries.
func (g *genesisConfig) schedule() BlobSchedule {
	s := defaultSchedule
	for name, entry := range g.BlobSchedule {
		if entry == nil {
			continue
		}
		b := Blob{BaseFeeUpdateFraction: *entry.BaseFeeUpdateFraction, Max: *entry.Max, Target: *entry.Target}
		switch name {
		case "cancun":
			s.Cancun = b
		case "prague":
			s.Prague = b
		case "osaka":
			s.Osaka = b
		case "bpo1":
			s.BPO1 = b
		case "bpo2":
			s.BPO2 = b
		case "bpo3":
			s.BPO3 = &b
		case "bpo4":
			s.BPO4 = &b
		case "bpo5":
			s.BPO5 = &b
		case "amsterdam":
			s.Amsterdam = &b
		}
	}
	return s
}
