package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) schema() *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the JSON Schema of a pipeline file, for editors",
		Description: "The schema has the config blocks of all installed plugins that a plugins.lock describes. An\n" +
			"editor with a YAML language server completes and checks a file whose first line names it:\n\n" +
			"   proofline schema > pipeline.schema.json\n" +
			"   # yaml-language-server: $schema=pipeline.schema.json",
		Flags: []cli.Flag{&cli.StringSliceFlag{Name: "dir", Usage: "search this `DIRECTORY` of plugins first; may be repeated"}},
		Action: func(ctx *cli.Context) error {
			if err := noArguments(ctx); err != nil {
				return err
			}
			var manifests []contract.Manifest
			for _, l := range catalog.Open(ctx.StringSlice("dir")).List() {
				switch {
				case l.Err == nil:
					manifests = append(manifests, l.Manifest)
				case errors.Is(l.Err, catalog.ErrUnlocked):
					fmt.Fprintf(c.Stderr, "%s is left out: %v\n", l.Name, l.Err)
				} // the command plugins list shows the other errors
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
