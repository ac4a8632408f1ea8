package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) report() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "send the proof of a block once more",
		ArgsUsage: "BLOCK...",
		Description: "The proof is sent by the same rules as the first time, from the files of the pipeline or from\n" +
			"its output directory. The pipeline must be running.\n\n" +
			"  proofline report 24000100\n" +
			"  proofline report --all-rejected --to ethproofs",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.StringFlag{Name: "to", Usage: "only to the reporter `STAGE`"},
			&cli.BoolFlag{Name: "all-rejected", Usage: "every proof that a reporter has rejected or that expired, instead of named blocks"},
		},
		Action: func(ctx *cli.Context) error {
			blocks, file, err := splitFile(ctx)
			if err != nil {
				return err
			}
			if ctx.Bool("all-rejected") == (len(blocks) > 0) {
				return usage("name the blocks, or say --all-rejected")
			}
			p, err := c.reach(ctx.Context, file)
			if err != nil {
				return err
			}
			defer p.Close()
			jobs, err := jobsToReport(ctx, p, blocks)
			if err != nil {
				return err
			}
			var failed error
			for _, j := range jobs {
				n, err := p.Report(ctx.Context, j.ID, ctx.String("to"))
				if err != nil {
					fmt.Fprintf(c.Stdout, "%d: %v\n", j.Block.Number, err)
					failed = printedError{errors.New("not every proof could be queued")}
					continue
				}
				fmt.Fprintf(c.Stdout, "%d: %s queued\n", j.Block.Number, plural(n, "report"))
			}
			if len(jobs) == 0 {
				fmt.Fprintln(c.Stdout, "nothing to report")
			}
			return failed
		},
	}
}

// jobsToReport returns the jobs of the named blocks. With --all-rejected it returns the
// jobs with a proof that was rejected or has expired.
func jobsToReport(ctx *cli.Context, p control.Pipeline, blocks []string) (jobs []status.Job, err error) {
	if !ctx.Bool("all-rejected") {
		numbers, err := blockNumbers(blocks)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			found, err := p.ShowBlock(ctx.Context, n)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("block %d is not known to this pipeline", n)
			}
			for _, j := range found {
				if !j.Orphaned {
					jobs = append(jobs, j)
				}
			}
		}
		return jobs, nil
	}
	all, err := p.Blocks(ctx.Context, control.Query{})
	for _, j := range all {
		if wasRefused(j, ctx.String("to")) && !j.Orphaned {
			jobs = append(jobs, j)
		}
	}
	return jobs, err
}

// wasRefused reports whether a proof of the job was rejected or has expired at a reporter,
// or at any reporter if to is empty.
func wasRefused(j status.Job, to string) bool {
	return slices.ContainsFunc(j.Unsettled(), func(d status.Unsettled) bool {
		return d.Kind == contract.EventProved && d.State != status.ReportWaiting && (to == "" || to == d.Reporter)
	})
}
