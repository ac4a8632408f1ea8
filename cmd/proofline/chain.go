package main

import (
	"strconv"

	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// chainOf is the chain that a pipeline is for, as far as its stages tell; else 0.
func chainOf(p *pipeline.Pipeline, traits map[string]contract.Traits) uint64 {
	for _, s := range p.Stages { // the source first
		if id, err := strconv.ParseUint(traits[s.Name].Provides[contract.TraitChainID], 10, 64); err == nil && id != 0 {
			return id
		}
	}
	return 0
}

// chainFindings compares the chain that a pipeline is for with the one whose blocks its
// data directory holds. A checkpoint that cannot be read now, because a host has it or
// because it is damaged, is the business of others.
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

// otherChain is what is to be said of a pipeline that is for one chain, and of a data
// directory with blocks of another. 0 stands for any.
func otherChain(p *pipeline.Pipeline, known, wanted uint64) pipeline.Findings {
	if known == 0 || wanted == 0 || known == wanted {
		return nil
	}
	fault := offline.OtherChainError(p.Data, known, wanted)
	return pipeline.Findings{p.Locate(contract.SeverityError, "data", fault.Err.Error(), fault.Remedy)}
}
