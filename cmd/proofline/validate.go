package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) validate() *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "check a pipeline file and print all its faults",
		ArgsUsage: "[FILE]",
		Description: "Checks the file, or standard input for -, with the schemas of its plugins. Each plugin checks\n" +
			"its own config block, and the facts that stages provide are compared with those that later\n" +
			"stages require. The command connects to nothing; proofline doctor checks the machine, too.\n" +
			"Exit code 1 if there is an error.",
		Flags: []cli.Flag{fileFlag(), jsonFlag()},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			p, findings, err := c.read(file)
			if err != nil {
				return err
			}
			findings, _ = checkPipeline(ctx.Context, p, findings)
			if ctx.Bool("json") {
				err = c.printJSON(struct {
					File     string            `json:"file"`
					Valid    bool              `json:"valid"`
					Findings pipeline.Findings `json:"findings"`
				}{file, !findings.Failed(), append(pipeline.Findings{}, findings...)})
			} else {
				err = c.writeVerdict(p, findings)
			}
			if err != nil {
				return err
			}
			if findings.Failed() {
				return printedError{fmt.Errorf("%s is not valid: %s", file, countText(findings))}
			}
			return nil
		},
	}
}

// writeVerdict prints the findings, and that the file is valid if there is no error.
func (c commands) writeVerdict(p *pipeline.Pipeline, findings pipeline.Findings) error {
	if err := findings.Write(c.Stdout); err != nil || findings.Failed() {
		return err
	}
	text := "valid: " + plural(len(p.Stages), "stage")
	if warnings := findings.Count(contract.SeverityWarning); warnings > 0 {
		text += ", " + plural(warnings, "warning")
	}
	_, err := fmt.Fprintln(c.Stdout, text)
	return err
}

// read reads a pipeline file, or standard input for "-". The error is not nil only if
// standard input cannot be read.
func (c commands) read(file string) (*pipeline.Pipeline, pipeline.Findings, error) {
	if file != "-" {
		p, findings := pipeline.Load(file, c.LookupEnv)
		return p, findings, nil
	}
	text, err := io.ReadAll(c.Stdin)
	if err != nil {
		return nil, nil, fmt.Errorf("standard input: %w", err)
	}
	p, findings := pipeline.Parse("<stdin>", text, c.LookupEnv)
	return p, findings, nil
}

// check reads a pipeline file and binds it to the plugins that are installed.
func (c commands) check(file string) (*pipeline.Pipeline, pipeline.Findings) {
	p, findings := pipeline.Load(file, c.LookupEnv)
	if p != nil {
		findings = append(findings, bind(p)...)
		findings.Sort()
	}
	return p, findings
}

// bind binds a pipeline to the installed plugins. It may have to start plugins to read
// their manifests.
func bind(p *pipeline.Pipeline) pipeline.Findings {
	plugins := catalog.Open(p.Plugins.Dirs)
	names := make([]string, len(p.Stages))
	for i := range p.Stages {
		names[i] = p.Stages[i].Plugin
	}
	plugins.Read(names)
	return pipeline.Bind(p, func(name string) (contract.Manifest, error) {
		binary, err := plugins.Find(name)
		return binary.Manifest, err
	})
}

// checkPipeline binds a pipeline to the installed plugins, runs the command validate of
// each plugin whose config block fits its schema, and checks the traits of the stages. It
// returns the given findings with its own, and the traits. p may be nil.
func checkPipeline(ctx context.Context, p *pipeline.Pipeline, findings pipeline.Findings) (pipeline.Findings, map[string]contract.Traits) {
	if p == nil {
		return findings, nil
	}
	findings = append(findings, bind(p)...)
	plugins := catalog.Open(p.Plugins.Dirs)
	more := make([]pipeline.Findings, len(p.Stages))
	answers := make([]contract.Assessment, len(p.Stages))
	var all sync.WaitGroup
	for i := range p.Stages {
		s := &p.Stages[i]
		binary, err := plugins.Find(s.Plugin)
		if err != nil || findings.About(s).Failed() {
			continue
		}
		if more[i] = host.UserFindings(p, s, binary.Path); more[i].Failed() {
			continue
		}
		all.Go(func() {
			answers[i], err = runPluginCommand(ctx, binary.Path, commandValidate, s)
			if err != nil {
				more[i] = append(more[i], s.LocatePlugin(contract.SeverityWarning, err.Error(), ""))
			}
			for _, f := range answers[i].Findings {
				more[i] = append(more[i], s.Locate(f))
			}
		})
	}
	all.Wait()
	findings = append(findings, slices.Concat(more...)...)
	traits := traitsOf(p, answers)
	if !findings.Failed() { // with errors, the graph may not be the intended one
		findings = append(findings, p.CheckTraits(traits)...)
	}
	findings.Sort()
	return findings, traits
}

// traitsOf returns the traits in the assessments by stage. The assessments are in the order
// of the stages.
func traitsOf(p *pipeline.Pipeline, answers []contract.Assessment) map[string]contract.Traits {
	traits := map[string]contract.Traits{}
	for i, a := range answers {
		if a.Traits != nil {
			traits[p.Stages[i].Name] = *a.Traits
		}
	}
	return traits
}

// printJSON prints a value as indented JSON.
func (c commands) printJSON(v any) error {
	e := json.NewEncoder(c.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
