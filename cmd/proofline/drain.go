package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/control"
)

func (c commands) drain() *cli.Command {
	return &cli.Command{
		Name:      "drain",
		Usage:     "make the running pipeline finish its blocks and end",
		ArgsUsage: "[FILE]",
		Description: "The pipeline takes no new blocks, finishes those that it has, sends all reports, and ends\n" +
			"with exit code 0. Then this command ends, too. With --after-current the pipeline ends when\n" +
			"the blocks are finished that are being built or proved or were announced; the others wait\n" +
			"for the next run. If this command is interrupted, the pipeline still finishes and ends. To\n" +
			"end the host sooner, send it SIGTERM.\n\n" +
			"  proofline drain mainnet.yaml && apt install ./proofline.deb && proofline run mainnet.yaml",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.BoolFlag{Name: "after-current", Usage: "leave waiting blocks for the next run"},
			&cli.BoolFlag{Name: "no-wait", Usage: "do not wait until the host has ended"},
		},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			p, err := c.reach(ctx.Context, file)
			if err != nil {
				return err
			}
			defer p.Close()
			left, err := p.Drain(ctx.Context, ctx.Bool("after-current"))
			if err != nil {
				return err
			}
			fmt.Fprintf(c.Stdout, "%s to finish\n", plural(left, "block"))
			if ctx.Bool("no-wait") {
				return nil
			}
			if err := awaitEnd(ctx.Context, p); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.Stdout, "the pipeline has ended")
			return err
		},
	}
}

// awaitEnd waits until the host of a pipeline has ended. It fails if the host does not
// answer.
func awaitEnd(ctx context.Context, p control.Pipeline) error {
	for {
		_, err := p.Snapshot(ctx)
		if errors.Is(err, control.ErrNotRunning) {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			if _, silent := errors.AsType[*control.SilentError](err); silent {
				return err
			}
			// The connection was cut because the host is ending. The next call shows it.
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
