package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/text"
)

func (c commands) blocksLogs() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "show the log lines of plugins about a block, and its kept files",
		ArgsUsage: "BLOCK [STAGE] [FILE]",
		Description: "Shows the last log lines of each failed attempt and the names of the files of its tool.\n" +
			"Logs of attempts that succeeded are not kept.\n\n" +
			"  proofline blocks logs 24000100 prove",
		Flags: []cli.Flag{fileFlag(), jsonFlag()},
		Action: func(ctx *cli.Context) error {
			args, file, err := splitFile(ctx)
			if err != nil {
				return err
			}
			if len(args) != 1 && len(args) != 2 {
				return usage("name one block by its number, and at most one stage")
			}
			number, err := blockNumber(args[0])
			if err != nil {
				return err
			}
			stage := strings.Join(args[1:], "")
			config, err := c.load(file)
			if err != nil {
				return err
			}
			if stage != "" && config.Stage(stage) == nil {
				return usage("there is no stage %q in %s", stage, file)
			}
			p, err := c.reachReading(ctx.Context, file)
			if err != nil {
				return err
			}
			defer p.Close()
			jobs, err := p.ShowBlock(ctx.Context, number)
			if err != nil {
				return err
			}
			if len(jobs) == 0 {
				return fmt.Errorf("block %d is not known to this pipeline", number)
			}
			shown := []offline.AttemptFiles{}
			for _, j := range jobs {
				kept, err := offline.FilesOf(config.Data, j.ID)
				if err != nil {
					return err
				}
				for _, k := range kept {
					if stage == "" || stage == k.Stage {
						shown = append(shown, k)
						if !ctx.Bool("json") {
							c.writeKept(j, k)
						}
					}
				}
			}
			switch {
			case ctx.Bool("json"):
				return c.printJSON(shown)
			case len(shown) == 0:
				fmt.Fprintf(c.Stdout, "nothing is kept of block %d; blocks show %[1]d says how its stages ended\n", number)
			}
			return nil
		},
	}
}

// writeKept prints the log lines and file names that are kept of one attempt.
func (c commands) writeKept(j status.Job, k offline.AttemptFiles) {
	paint := c.paint(c.Stdout)
	fmt.Fprintf(c.Stdout, "%s %s, attempt %d: %s\n", paint.bold(fmt.Sprintf("block %d", j.Block.Number)), k.Stage, k.Attempt, k.Dir)
	for _, s := range j.Stages {
		if s.Stage == k.Stage && s.Attempt == k.Attempt && s.Error != "" {
			fmt.Fprintf(c.Stdout, "  %s\n", paint.bad(text.Line(s.Error, 1000)))
		}
	}
	for line := range strings.Lines(k.Log) {
		fmt.Fprintf(c.Stdout, "  | %s\n", escaped(strings.TrimRight(line, "\r\n")))
	}
	for _, f := range k.Files {
		fmt.Fprintf(c.Stdout, "  %s  %s\n", f.Name, size(f.Size))
	}
}
