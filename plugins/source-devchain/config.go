package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/source-devchain/chain"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// forkAmsterdam is the value of the key fork with which the chain passes to Amsterdam.
const forkAmsterdam = "amsterdam"

// Config is the stage's config block.
type Config struct {
	Period       sdk.Duration `json:"period" doc:"Time between two blocks, in whole seconds." default:"2s" min:"1s"`
	Seed         uint64       `json:"seed" doc:"Decides accounts and load: chains of one seed carry the same. A state directory keeps the seed that it was begun with." default:"1"`
	Transactions int          `json:"transactions" doc:"Transactions per block on average. At the default 2s and 12 the chain takes about 2.5 GB of disk a day, since the state of every block is kept." default:"12" min:"0" max:"400"`
	Fork         string       `json:"fork" doc:"Newest fork of the chain. With amsterdam the chain passes from Osaka to it at fork_block; a state directory keeps the fork that it was begun with." default:"osaka" enum:"osaka,amsterdam"`
	ForkBlock    uint64       `json:"fork_block" doc:"First block by the rules of fork: amsterdam." default:"1" min:"1"`
}

// Validate implements the SDK's validator. The timestamp of a block counts whole seconds.
func (c Config) Validate() []sdk.Finding {
	if period := c.Period.Std(); period%time.Second != 0 {
		return []sdk.Finding{{
			Severity: sdk.SeverityError, Pointer: "/period",
			Summary: fmt.Sprintf("%v is not a whole number of seconds", period),
			Remedy:  fmt.Sprintf("set it to %v", period.Round(time.Second)),
		}}
	}
	return nil
}

// Provides implements the SDK's provider.
func (c Config) Provides() map[string]string {
	return map[string]string{contract.TraitChainID: strconv.FormatUint(chain.ID, 10)}
}

// forkBlock returns the number of the first block of Amsterdam, 0 for never.
func (c Config) forkBlock() uint64 {
	if c.Fork != forkAmsterdam {
		return 0
	}
	return max(c.ForkBlock, 1)
}
