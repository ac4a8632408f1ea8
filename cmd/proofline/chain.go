package main

import (
	"strconv"

	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// chainOf returns the id of the pipeline's chain according to the traits of its stages, or
// 0 if none of them has it.
func chainOf(p *pipeline.Pipeline, traits map[string]contract.Traits) uint64 {
	for _, s := range p.Stages { // the source first
		if id, err := strconv.ParseUint(traits[s.Name].Provides[contract.TraitChainID], 10, 64); err == nil && id != 0 {
			return id
		}
	}
	return 0
}

// chainFindings compares the pipeline's chain with the chain of the blocks in its data
// directory. It returns no findings if the checkpoint cannot be read, because a host uses
// it or because it is damaged; other checks report that.
func chainFindings(p *pipeline.Pipeline, wanted uint64) pipeline.Findings {
	if wanted == 0 {
		return nil
	}
	known, err := offline.Chain(p.Data)
	if err != nil {
		return nil
	}
	return otherChain(p, known, wanted)
}

// otherChain returns a finding if the data directory has blocks of another chain than the
// pipeline's. 0 means that a chain is not known.
func otherChain(p *pipeline.Pipeline, known, wanted uint64) pipeline.Findings {
	if known == 0 || wanted == 0 || known == wanted {
		return nil
	}
	fault := offline.OtherChainError(p.Data, known, wanted)
	return pipeline.Findings{p.Locate(contract.SeverityError, "data", fault.Err.Error(), fault.Remedy)}
}
