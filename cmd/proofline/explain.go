package main

import (
	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/pipeline"
)

func (c commands) explain() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "explain a key of a pipeline file",
		ArgsUsage: "[KEY]",
		Description: "KEY is written as in findings: stages.retry.max or select.every. Its end is enough if no\n" +
			"other key ends in it. Without KEY all keys are listed. The keys of a stage's config block\n" +
			"depend on its plugin: proofline plugins describe PLUGIN.",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() > 1 {
				return usage("name one key, got %q", ctx.Args().Slice())
			}
			key, path, err := pipeline.Reference().Lookup(ctx.Args().First())
			if err != nil {
				return usage("%v", err)
			}
			if ctx.Bool("json") {
				return c.printJSON(key)
			}
			return key.Write(c.Stdout, path)
		},
	}
}
