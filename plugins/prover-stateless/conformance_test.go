package main

import (
	"os"
	"testing"

	"github.com/proofline/proofline/plugins/source-devchain/chain"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
	"github.com/proofline/proofline/sdk/witness"
)

// asPlugin makes this test binary the plugin itself.
const asPlugin = "PROOFLINE_TEST_AS_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	m := devBlocks(t)[1]
	block, err := witness.DecodeBlock(m.block)
	if err != nil {
		t.Fatal(err)
	}
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asPlugin+"=1"),
		Block: contract.Block{
			ChainID: chain.ID, Number: block.NumberU64(), Hash: contract.Hash(block.Hash()), ParentHash: contract.Hash(block.ParentHash()),
		},
		Inputs: []sdktest.Input{
			{Name: contract.ArtifactBlock, Data: m.block},
			{Name: contract.ArtifactWitness, Data: m.witness},
			{Name: contract.ArtifactChain, Data: m.rules},
		},
	})
}
