package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) doctor() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "check whether this machine has everything that a pipeline needs",
		ArgsUsage: "[FILE]",
		Description: "Checks the file, folders, disk space and ports. Every plugin checks its own environment\n" +
			"(node, GPU, files, accounts). The command changes nothing and may be used while the\n" +
			"pipeline runs. Exit code 2 for errors in the file, 3 for others.",
		Flags: []cli.Flag{fileFlag(), jsonFlag()},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			p, findings := c.check(file)
			if err := findings.Error(); err != nil {
				return err
			}
			reports, traits := c.examine(ctx.Context, p)
			if ctx.Bool("json") {
				err = c.printJSON(reports)
			} else {
				fmt.Fprintln(c.Stdout, subject(p, traits))
				err = c.writeExamination(reports)
			}
			errorCount := 0
			for _, r := range reports {
				errorCount += r.Findings.Count(contract.SeverityError)
			}
			if err == nil && errorCount > 0 {
				return printedError{contract.Environment(errors.New(plural(errorCount, "error")), "")}
			}
			return err
		},
	}
}

// stageReport is the result of doctor for one stage, or for the host.
type stageReport struct {
	Name     string            `json:"name"` // of the stage, or "host"
	Plugin   string            `json:"plugin,omitempty"`
	Findings pipeline.Findings `json:"findings"`
}

// subject describes the file that is checked, with the chain if a stage knows it.
func subject(p *pipeline.Pipeline, traits map[string]contract.Traits) string {
	text := fmt.Sprintf("%s: pipeline %s, %s", p.File, p.Name, plural(len(p.Stages), "stage"))
	for _, fact := range []struct{ name, label string }{{contract.TraitNetwork, "network"}, {contract.TraitChainID, "chain"}} {
		for _, s := range p.Stages { // the source first
			if value := traits[s.Name].Provides[fact.name]; value != "" {
				text += fmt.Sprintf(", %s %s", fact.label, value)
				break
			}
		}
	}
	return text
}

// examine checks the host and all stages, the stages concurrently. Then it checks the
// traits of the stages against each other.
func (c commands) examine(ctx context.Context, p *pipeline.Pipeline) ([]stageReport, map[string]contract.Traits) {
	reports := make([]stageReport, len(p.Stages)+1)
	answers := make([]contract.Assessment, len(p.Stages))
	plugins := catalog.Open(p.Plugins.Dirs)
	var all sync.WaitGroup
	for i := range p.Stages {
		all.Go(func() { reports[i], answers[i] = examineStage(ctx, plugins, p, &p.Stages[i]) })
	}
	running, err := control.Dial(ctx, p.Data)
	if err == nil {
		running.Close()
	}
	last := len(p.Stages)
	reports[last] = stageReport{Name: "host", Findings: hostFindings(p, err == nil)}
	all.Wait()
	traits := traitsOf(p, answers)
	reports[last].Findings = append(reports[last].Findings, chainFindings(p, chainOf(p, traits))...)
	for _, f := range p.CheckTraits(traits) {
		i := slices.IndexFunc(reports[:last], func(r stageReport) bool { return len(pipeline.Findings{f}.About(p.Stage(r.Name))) > 0 })
		if i < 0 {
			i = last
		}
		reports[i].Findings = append(reports[i].Findings, f)
	}
	return reports, traits
}

// examineStage checks one stage with the command check of its plugin.
func examineStage(ctx context.Context, plugins *catalog.Catalog, p *pipeline.Pipeline, s *pipeline.Stage) (stageReport, contract.Assessment) {
	r := stageReport{Name: s.Name, Plugin: s.Plugin, Findings: pipeline.Findings{}}
	binary, err := plugins.Find(s.Plugin)
	if err != nil {
		r.Findings = append(r.Findings, s.LocatePlugin(contract.SeverityError, err.Error(), ""))
		return r, contract.Assessment{}
	}
	r.Plugin = s.Plugin + " " + binary.Manifest.Version
	if !binary.Locked {
		r.Findings = append(r.Findings, s.LocatePlugin(contract.SeverityWarning,
			"the plugin is not pinned, its file may change unnoticed", "pin it with proofline plugins lock "+filepath.Dir(binary.Path)))
	}
	if s.Sandbox.Confined {
		r.Findings = append(r.Findings, sandboxFinding(s, keeper.Supported()))
	}
	if user := s.Sandbox.Account; user != nil {
		findings := host.UserFindings(p, s, binary.Path)
		if r.Findings = append(r.Findings, findings...); findings.Failed() {
			return r, contract.Assessment{}
		}
		r.Findings = append(r.Findings, s.LocateUser(contract.SeverityInfo,
			fmt.Sprintf("the plugin runs as user %s (uid %d, gid %d), without capabilities", user.Name, user.UID, user.GID), ""))
	}
	answer, err := runPluginCommand(ctx, binary.Path, commandCheck, s)
	if err != nil {
		r.Findings = append(r.Findings, s.LocatePlugin(contract.SeverityError, err.Error(), ""))
	}
	for _, f := range answer.Findings {
		r.Findings = append(r.Findings, s.Locate(f))
	}
	return r, answer
}

// sandboxFinding returns a finding about how far the kernel enforces a stage's sandbox.
func sandboxFinding(s *pipeline.Stage, kernel keeper.Support) pipeline.Finding {
	network := ", and no network"
	switch {
	case !kernel.FilesEnforced():
		return s.LocatePlugin(contract.SeverityWarning, fmt.Sprintf("the plugin is not confined: %v", kernel),
			"use a kernel with Landlock (5.13 or later, lsm=landlock,…); until then the plugin may do what its user may")
	case s.Sandbox.Network:
		network = ", and the network"
	case !kernel.NetworkEnforced():
		return s.LocatePlugin(contract.SeverityWarning, fmt.Sprintf("the plugin reaches its own files alone, but its network is not taken away as a whole: %v", kernel),
			"allow this user to make user and network namespaces (kernel.unprivileged_userns_clone, AppArmor)")
	}
	return s.LocatePlugin(contract.SeverityInfo, fmt.Sprintf("the plugin is confined: it reaches its own files and those that the stage names%s (%v)", network, kernel), "")
}

func (c commands) writeExamination(reports []stageReport) error {
	paint := c.paint(c.Stdout)
	t := newTable("STAGE", "PLUGIN", "VERDICT")
	findingCount := 0
	for _, r := range reports {
		findingCount += len(r.Findings)
		if err := r.Findings.Write(c.Stdout); err != nil {
			return err
		}
		verdict := "ok"
		if errorCount := r.Findings.Count(contract.SeverityError); errorCount > 0 {
			verdict = paint.bad(plural(errorCount, "error"))
		} else if warnings := r.Findings.Count(contract.SeverityWarning); warnings > 0 {
			verdict = plural(warnings, "warning")
		}
		t.add(r.Name, r.Plugin, verdict)
	}
	if findingCount > 0 {
		fmt.Fprintln(c.Stdout)
	}
	return t.write(c.Stdout)
}
