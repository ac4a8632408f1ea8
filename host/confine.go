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

// user is whom a stage's plugin runs as; nil for the host's own user.
func (h *host) user(stage string) *account.Account {
	for _, s := range h.staged() {
		if s.config.Name == stage {
			return s.config.Sandbox.Account
		}
	}
	return nil
}

// UserFindings says what keeps a stage's plugin, whose file is given, from running as
// the user that the stage names. The stage is one that pipeline.Bind has seen.
func UserFindings(p *pipeline.Pipeline, s *pipeline.Stage, program string) (findings pipeline.Findings) {
	user := s.Sandbox.Account
	if user == nil {
		return nil
	}
	if err := account.Rights(); err != nil {
		return pipeline.Findings{s.LocateUser(contract.SeverityError, err.Error(), "run proofline as root or with these capabilities, or take user out of the stage's sandbox")}
	}
	if err := user.Enters(filepath.Dir(p.Data)); err != nil { // the host itself lets it through data
		findings = append(findings, s.LocateUser(contract.SeverityError, fmt.Sprintf("%v, and data is %s", err, p.Data),
			"chmod o+x that folder, or name another one as data"))
	}
	if err := user.Executes(program); err != nil {
		findings = append(findings, s.LocateUser(contract.SeverityError, fmt.Sprintf("%v, and the plugin is %s", err, program),
			"put the plugin where every user may read and execute it, such as /usr/local/lib/proofline"))
	}
	return findings
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
