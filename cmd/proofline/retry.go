package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/status"
)

func (c commands) blocksRetry() *cli.Command {
	return &cli.Command{
		Name:      "retry",
		Usage:     "queue blocks again that failed, were dropped or cancelled",
		ArgsUsage: "BLOCK...",
		Description: "A retry begins at the stage that failed, with the existing files. --from begins at an\n" +
			"earlier stage, and can also repeat a part of a finished block. If no host runs the\n" +
			"pipeline, the next run retries the blocks.\n\n" +
			"  proofline blocks retry 24000100\n" +
			"  proofline blocks retry --failed --since 12h",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.StringFlag{Name: "from", Usage: "repeat `STAGE` and all stages after it"},
			&cli.StringFlag{Name: "stage", Usage: "only `STAGE` and the stages that it needs"},
			&cli.BoolFlag{Name: "failed", Usage: "every block that failed, instead of named ones"},
			&cli.DurationFlag{Name: "since", Usage: "with --failed: only blocks that failed within this `TIME`"},
		},
		Action: func(ctx *cli.Context) error {
			from, branch := ctx.String("from"), ctx.String("stage")
			retry := func(p control.Pipeline, ctx context.Context, j status.Job) error {
				return p.Retry(ctx, control.RetryRequest{Job: j.ID, From: from, Stage: branch})
			}
			if ctx.IsSet("since") && !ctx.Bool("failed") {
				return usage("--since goes with --failed")
			}
			if ctx.Bool("failed") {
				rest, file, err := splitFile(ctx)
				if err != nil {
					return err
				}
				if len(rest) > 0 {
					return usage("name blocks, or say --failed, not both")
				}
				return c.retryFailed(ctx, file, retry)
			}
			return c.blocksChange(ctx, "queued again", retry, func(j status.Job) bool {
				return j.State.Finished() && (j.State != status.JobDone || from != "" || branch != "")
			})
		},
	}
}

// retryFailed queues every failed block of a pipeline file again.
func (c commands) retryFailed(ctx *cli.Context, file string, retry func(control.Pipeline, context.Context, status.Job) error) error {
	p, err := c.reach(ctx.Context, file)
	if err != nil {
		return err
	}
	defer p.Close()
	jobs, err := p.Blocks(ctx.Context, control.Query{States: []status.JobState{status.JobFailed}})
	if err != nil {
		return err
	}
	count := 0
	for _, j := range jobs {
		if since := ctx.Duration("since"); since > 0 && time.Since(j.Finished) > since {
			continue
		}
		if err := retry(p, ctx.Context, j); err != nil {
			return fmt.Errorf("block %d: %w", j.Block.Number, err)
		}
		count++
	}
	_, err = fmt.Fprintf(c.Stdout, "%s queued again\n", plural(count, "block"))
	return err
}
