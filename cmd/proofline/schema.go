package main

import (
	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) schema() *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "the JSON Schema of a pipeline file, for editors",
		Description: "With the config blocks of all installed plugins. An editor with a YAML language server\n" +
			"completes and checks a file whose first line names the schema:\n\n" +
			"   proofline schema > pipeline.schema.json\n" +
			"   # yaml-language-server: $schema=pipeline.schema.json",
		Flags: []cli.Flag{&cli.StringSliceFlag{Name: "dir", Usage: "search this `DIRECTORY` of plugins first; may be repeated"}},
		Action: func(ctx *cli.Context) error {
			if err := noArguments(ctx); err != nil {
				return err
			}
			var manifests []contract.Manifest
			for _, l := range catalog.Open(ctx.StringSlice("dir")).List() {
				if l.Err == nil { // plugins list says what is wrong with the others
					manifests = append(manifests, l.Manifest)
				}
			}
			text, err := pipeline.JSONSchema(manifests)
			if err != nil {
				return err
			}
			_, err = c.Stdout.Write(text)
			return err
		},
	}
}
