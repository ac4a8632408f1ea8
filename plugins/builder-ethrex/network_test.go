package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holiman/uint256"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// TestNetworkOfRealBlocks finds the network of blocks of public networks, with
// and without their transactions.
func TestNetworkOfRealBlocks(t *testing.T) {
	for _, tc := range []struct {
		dir, file string
		id        uint64
	}{
		{"mainnet/21066632", "block.json.gz", 1}, {"mainnet/24647140", "block.json.gz", 1},
		{"holesky/3990967", "block.json.gz", 17000},
		{"hoodi/1041734", "block.json.gz", 560048}, // without transactions
		{"hoodi/1265656", "block.json.gz", 560048},
	} {
		path := filepath.Join(witnesstest.Shared(t, append([]string{"data"}, strings.Split(tc.dir, "/")...)...), tc.file)
		block, err := ethblock.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, transactions := range [][]ethblock.Transaction{block.Transactions, nil} {
			block.Transactions = transactions
			job := buildRun{config: Config{Network: "auto"}, block: path, witness: path}
			if c, err := job.chain(block); err != nil || c.config.ChainID != tc.id {
				t.Errorf("%s with %d transactions: %+v, %v", tc.dir, len(transactions), c, err)
			}
		}
	}
}

// TestNetworkOfTransactions has transactions of every kind, at a time at which no
// public network had the block.
func TestNetworkOfTransactions(t *testing.T) {
	legacy := func(v uint64) ethblock.Transaction { return ethblock.Transaction{V: *uint256.NewInt(v)} }
	typed := func(id uint64) ethblock.Transaction { return ethblock.Transaction{Type: 2, ChainID: id} }
	for name, tc := range map[string]struct {
		transactions []ethblock.Transaction
		id           uint64
		err          string
	}{
		"typed":                    {[]ethblock.Transaction{typed(1)}, 1, ""},
		"EIP-155, even":            {[]ethblock.Transaction{legacy(37)}, 1, ""},
		"EIP-155, odd":             {[]ethblock.Transaction{legacy(38)}, 1, ""},
		"EIP-155 of hoodi":         {[]ethblock.Transaction{legacy(2*560048 + 35)}, 560048, ""},
		"before EIP-155":           {[]ethblock.Transaction{legacy(27), legacy(28)}, 0, "none of its 2 transactions is signed for a chain, and no public network can have a block 7"},
		"before EIP-155 and typed": {[]ethblock.Transaction{legacy(27), typed(17000)}, 17000, ""},
		"two chains":               {[]ethblock.Transaction{typed(1), legacy(2*17000 + 36)}, 0, "two chains, 1 and 17000"},
		"a chain that is unknown":  {[]ethblock.Transaction{typed(77)}, 0, "chain id 77 is none of the networks"},
		"none":                     {nil, 0, "--network (mainnet"},
	} {
		dir := t.TempDir()
		job := buildRun{config: Config{Network: "auto"}, block: filepath.Join(dir, "block.json"), witness: filepath.Join(dir, "witness.json")}
		block := &ethblock.Block{Transactions: tc.transactions}
		block.Header.Number, block.Header.Timestamp = 7, 7
		c, err := job.chain(block)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || c.config.ChainID != tc.id {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// TestNetworkBesideTheWitness has chain.json in the directory of the witness.
func TestNetworkBesideTheWitness(t *testing.T) {
	blocks, witnesses := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(witnesses, sdk.ArtifactChain), content(t, recorded+"/chain.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	job := buildRun{config: Config{Network: "auto"}, block: filepath.Join(blocks, "block.json"), witness: filepath.Join(witnesses, "witness.json")}
	c, err := job.chain(&ethblock.Block{})
	if err != nil || c.spec == nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestNetworkBySlot(t *testing.T) {
	for _, tc := range []struct {
		number, time uint64
		want         string
	}{
		{24_647_140, 1_773_300_011, "mainnet"},
		{9_220_591, 1_758_000_000, "sepolia"},
		{3_990_967, 1_745_000_400, "holesky"},
		{1_041_734, 1_756_000_800, "hoodi"},
		{1_041_734, 1_756_000_801, ""},  // between two slots
		{1_041_734, 1_742_213_400, ""},  // before there were so many slots
		{15_000_000, 1_656_000_011, ""}, // before the merge
	} {
		if got, err := networkBySlot(tc.number, tc.time); got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("block %d at %d: %q, %v", tc.number, tc.time, got, err)
		}
	}
}
