package host

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/tracing"
)

// Confinement returns what the plugin of a stage may use in addition to what every plugin
// needs, or nil for a stage that is not confined. The stage must have been bound by
// pipeline.Bind. While traces are exported every plugin has the network, because it
// exports its spans itself.
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

// user returns the user that the plugin of a stage runs as; nil for the host's own user.
func (h *host) user(stage string) *account.Account {
	for _, s := range h.currentStages() {
		if s.config.Name == stage {
			return s.config.Sandbox.Account
		}
	}
	return nil
}

// UserFindings returns what prevents the plugin of a stage from running as the user that
// the stage names. program is the file of the plugin. The stage must have been bound by
// pipeline.Bind.
func UserFindings(p *pipeline.Pipeline, s *pipeline.Stage, program string) (findings pipeline.Findings) {
	user := s.Sandbox.Account
	if user == nil {
		return nil
	}
	if err := account.Rights(); err != nil {
		return pipeline.Findings{s.LocateUser(contract.SeverityError, err.Error(), "run proofline as root or with these capabilities, or take user out of the stage's sandbox")}
	}
	if err := user.Enters(filepath.Dir(p.Data)); err != nil { // the host itself opens the data directory
		findings = append(findings, s.LocateUser(contract.SeverityError, fmt.Sprintf("%v, and data is %s", err, p.Data),
			"chmod o+x that folder, or name another one as data"))
	}
	if err := user.Executes(program); err != nil {
		findings = append(findings, s.LocateUser(contract.SeverityError, fmt.Sprintf("%v, and the plugin is %s", err, program),
			"put the plugin where every user may read and execute it, such as /usr/local/lib/proofline"))
	}
	return findings
}

// logUnconfined logs the stages that should be confined when the kernel cannot confine
// them.
func (h *host) logUnconfined() {
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
