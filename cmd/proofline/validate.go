package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
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
			for _, f := range said.Findings {
				more[i] = append(more[i], s.Locate(f))
			}
		})
	}
	all.Wait()
	findings = append(findings, slices.Concat(more...)...)
	findings = append(findings, sharedPace(p, plugins)...)
	findings.Sort()
	return p, findings
}

// ethproofsLimit is how many requests a minute EthProofs takes of one key.
const ethproofsLimit = 60

// sharedPace warns of stages that report to the same EthProofs server with the
// same key, and together may be faster than the key allows: each keeps its own
// pace and knows nothing of the others.
func sharedPace(p *pipeline.Pipeline, plugins *catalog.Catalog) (findings pipeline.Findings) {
	type account struct{ server, key string }
	paces := map[account]int{}
	users := map[account][]*pipeline.Stage{}
	var order []account
	for i := range p.Stages {
		s := &p.Stages[i]
		binary, err := plugins.Find(s.Plugin)
		if s.Plugin != "reporter-ethproofs" || err != nil {
			continue
		}
		var schema struct {
			Properties struct{ Pace struct{ Default int } }
		}
		var config struct {
			URL    string `json:"url"`
			Key    string `json:"api_key"`
			Pace   int    `json:"pace"`
			DryRun bool   `json:"dry_run"`
		}
		// What does not fit has a finding of its own already.
		if json.Unmarshal(binary.Manifest.Schema, &schema) != nil || json.Unmarshal(s.Config, &config) != nil {
			continue
		}
		server, err := url.Parse(config.URL)
		if err != nil || server.Host == "" || config.Key == "" || config.DryRun {
			continue
		}
		a := account{strings.ToLower(server.Host), config.Key}
		if users[a] == nil {
			order = append(order, a)
		}
		users[a] = append(users[a], s)
		paces[a] += cmp.Or(config.Pace, schema.Properties.Pace.Default)
	}
	for _, a := range order {
		stages := users[a]
		if len(stages) < 2 || paces[a] < ethproofsLimit {
			continue
		}
		var names []string
		for _, s := range stages {
			names = append(names, s.Path())
		}
		findings = append(findings, stages[len(stages)-1].Locate(contract.Finding{
			Severity: contract.SeverityWarning, Pointer: "/pace",
			Summary: fmt.Sprintf("the stages %s share a key and may together send %d requests a minute; EthProofs' limit for a key is %d",
				strings.Join(names, ", "), paces[a], ethproofsLimit),
			Remedy: fmt.Sprintf("give them paces of less than %d in all, such as pace: %d for each", ethproofsLimit, (ethproofsLimit-1)/len(stages)),
		}))
	}
	return findings
}

// printJSON prints a value for programs, and people who look over their
// shoulder.
func (c commands) printJSON(v any) error {
	e := json.NewEncoder(c.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
