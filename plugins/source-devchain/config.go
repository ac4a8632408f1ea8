package main

import "github.com/proofline/proofline/sdk"

// Config is the stage's config block.
type Config struct {
	Period       sdk.Duration `json:"period" doc:"Time between two blocks, in whole seconds." default:"2s" min:"1s"`
	Seed         uint64       `json:"seed" doc:"Decides accounts and load: chains of one seed carry the same. A state directory keeps the seed that it was begun with." default:"1"`
	Transactions int          `json:"transactions" doc:"Transactions per block on average. At the default 2s and 12 the chain takes about 2.5 GB of disk a day, since the state of every block is kept." default:"12" min:"0" max:"400"`
}
