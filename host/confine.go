package host

import (
	"path/filepath"
	"slices"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/tracing"
)

// Confinement is what a stage's plugin may reach besides what every plugin needs; nil
// for a stage that is not confined. The stage is one that pipeline.Bind has seen. While
// traces are exported it has the network: a plugin sends its part of them itself.
func Confinement(p *pipeline.Pipeline, s *pipeline.Stage) *keeper.Confinement {
	if !s.Sandbox.Confined {
		return nil
	}
	return &keeper.Confinement{
		Read:    slices.Concat(s.Files, s.Sandbox.Read),
		Write:   append(slices.Clone(s.Sandbox.Write), filepath.Join(p.Data, "attempts")),
		Network: s.Sandbox.Network || tracing.On(),
	}
}

// tellUnconfined says which stages run without the sandbox that they are to have.
func (h *host) tellUnconfined() {
	var stages []string
	for i := range h.file().Stages {
		if s := &h.file().Stages[i]; s.Sandbox.Confined {
			stages = append(stages, s.Name)
		}
	}
	if len(stages) == 0 {
		return
	}
	if kernel := keeper.Supported(); !kernel.FilesEnforced() {
		h.Log.Warn("plugins are not confined, they may do what this user may", "reason", kernel.String(), "stages", stages)
	}
}
