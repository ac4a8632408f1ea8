package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/top"
)

func (c commands) top() *cli.Command {
	return &cli.Command{
		Name:        "top",
		Usage:       "watch the pipeline in a terminal",
		ArgsUsage:   "[FILE]",
		Description: "Shows the dashboard's first screen. Keys 1 to 6 open stages, blocks, failures, log and endpoints; q ends it.",
		Flags:       []cli.Flag{fileFlag()},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			if term, _ := c.LookupEnv("TERM"); !isTerminal(c.Stdout) || term == "dumb" || term == "" {
				return usage("top draws on a terminal, and this is none that it can draw on; proofline status --watch prints lines")
			}
			p, err := c.load(file)
			if err != nil {
				return err
			}
			return top.Run(ctx.Context, top.Options{
				Overview: top.HostOverview(p.Data), Input: c.Stdin, Output: c.Stdout, Environ: os.Environ(),
			})
		},
	}
}
