package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) validate() *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "check a pipeline file and say everything that is wrong with it",
		ArgsUsage: "[FILE]",
		Description: "Holds the file against the schemas of its plugins and lets each plugin judge its own\n" +
			"config block. Contacts nothing; proofline doctor looks at the machine too.\n" +
			"Exit code 1 when there is an error.",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(ctx *cli.Context) error {
			file, err := fileArgument(ctx.Args().Slice())
			if err != nil {
				return err
			}
			_, findings := c.judge(ctx.Context, file)
			if ctx.Bool("json") {
				err = c.printJSON(struct {
					File     string            `json:"file"`
					Valid    bool              `json:"valid"`
					Findings pipeline.Findings `json:"findings"`
				}{file, !findings.Failed(), append(pipeline.Findings{}, findings...)})
			} else {
				err = findings.Write(c.Stdout)
			}
			if err != nil {
				return err
			}
			if findings.Failed() {
				return told{fmt.Errorf("%s is not valid: %s", file, count(findings))}
			}
			return nil
		},
	}
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

// bind tells a pipeline what its plugins are. Reading or asking every plugin
// takes a moment.
func bind(p *pipeline.Pipeline) pipeline.Findings {
	plugins := catalog.Open(p.Plugins.Dirs)
	return pipeline.Bind(p, func(name string) (contract.Manifest, error) {
		binary, err := plugins.Find(name)
		return binary.Manifest, err
	})
}

// judge is check, and then each plugin whose config block fits the schema is
// asked what else there is to say about it.
func (c commands) judge(ctx context.Context, file string) (*pipeline.Pipeline, pipeline.Findings) {
	p, findings := c.check(file)
	if p == nil {
		return nil, findings
	}
	plugins := catalog.Open(p.Plugins.Dirs)
	more := make([]pipeline.Findings, len(p.Stages))
	var all sync.WaitGroup
	for i := range p.Stages {
		s := &p.Stages[i]
		binary, err := plugins.Find(s.Plugin)
		if err != nil || findings.About(s).Failed() {
			continue
		}
		all.Go(func() {
			said, err := askPlugin(ctx, binary.Path, askValidate, s)
			if err != nil {
				more[i] = append(more[i], s.LocatePlugin(contract.SeverityWarning, err.Error(), ""))
			}
			for _, f := range said {
				more[i] = append(more[i], s.Locate(f))
			}
		})
	}
	all.Wait()
	findings = append(findings, slices.Concat(more...)...)
	findings.Sort()
	return p, findings
}

// printJSON prints a value for programs, and people who look over their
// shoulder.
func (c commands) printJSON(v any) error {
	e := json.NewEncoder(c.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
