package main

import (
	"strconv"

	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// chainFindings compares the chain that a pipeline is for, as far as its stages tell,
// with the one whose blocks its data directory holds. A checkpoint that cannot be
// read now, because a host has it or because it is damaged, is the business of
// others.
func chainFindings(p *pipeline.Pipeline, traits map[string]contract.Traits) pipeline.Findings {
	wanted := uint64(0)
	for _, s := range p.Stages { // the source first
		if id, err := strconv.ParseUint(traits[s.Name].Provides[contract.TraitChainID], 10, 64); err == nil && wanted == 0 {
			wanted = id
		}
	}
	if wanted == 0 {
		return nil
	}
	known, err := offline.Chain(p.Data)
	if err != nil || known == 0 || known == wanted {
		return nil
	}
	fault := offline.OtherChain(p.Data, known, wanted)
	return pipeline.Findings{p.Locate(contract.SeverityError, "data", fault.Err.Error(), fault.Remedy)}
}
