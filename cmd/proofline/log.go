package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
)

func (c commands) log() *cli.Command {
	return &cli.Command{
		Name:  "log",
		Usage: "the log of the host that runs",
		Subcommands: []*cli.Command{{
			Name:        "level",
			Usage:       "change the level at which host and plugins log",
			ArgsUsage:   "debug|info|warning|error [FILE]",
			Description: "The level holds until the host ends. A host starts with log.level of the pipeline file.",
			Flags:       []cli.Flag{fileFlag()},
			Action: func(ctx *cli.Context) error {
				rest, file, err := splitFile(ctx)
				if err != nil {
					return err
				}
				if len(rest) != 1 {
					return usage("one level is needed: debug, info, warning or error")
				}
				level, known := pipeline.Level(rest[0])
				if !known {
					return usage("%q is none of debug, info, warning, error", rest[0])
				}
				p, err := c.load(file)
				if err != nil {
					return err
				}
				host, err := control.Dial(ctx.Context, p.Data)
				if err != nil {
					return err
				}
				defer host.Close()
				if err := host.SetLogLevel(ctx.Context, level); err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.Stdout, "host and plugins log from %s on\n", strings.ToLower(rest[0]))
				return err
			},
		}},
	}
}
