package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) prove() *cli.Command {
	return &cli.Command{
		Name:      "prove",
		Usage:     "prove a block whose guest input already exists",
		ArgsUsage: "BLOCK [FILE]",
		Description: "The file is copied; the stages before the provers are skipped. By EthProofs' rules the time\n" +
			"in which the input was made is a part of the proving time. Give it with --build-time,\n" +
			"otherwise only the time of the prover is reported.\n" +
			"If no host runs the pipeline, the next run proves the block.",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.StringFlag{Name: "input", Usage: "the guest `INPUT` (required), as the pipeline's builder would make it"},
			&cli.StringFlag{Name: "stage", Usage: "the proof `STAGE` that proves it; without it the first of the file"},
			&cli.DurationFlag{Name: "build-time", Usage: "`TIME` in which the input was made, such as 850ms; it is added to the prover's"},
			&cli.StringFlag{Name: "hash", Usage: "the block's `HASH`; without it the source is asked"},
			jsonFlag(),
		},
		Action: func(ctx *cli.Context) error {
			args, file, err := splitFile(ctx)
			if err != nil {
				return err
			}
			if len(args) != 1 {
				return usage("name the block by its number")
			}
			number, err := blockNumber(args[0])
			if err != nil {
				return err
			}
			given := control.ProveRequest{Number: number, Stage: ctx.String("stage"), BuildTime: ctx.Duration("build-time")}
			if given.BuildTime < 0 || ctx.IsSet("build-time") && given.BuildTime < time.Millisecond {
				return usage("--build-time %s: want at least 1ms, such as --build-time 850ms", given.BuildTime)
			}
			if text := ctx.String("hash"); text != "" {
				hash, err := contract.ParseHash(text)
				if err != nil {
					return usage("%v", err)
				}
				given.Hash = &hash
			}
			if given.Input, err = inputFile(ctx.String("input")); err != nil {
				return err
			}
			p, err := c.reach(ctx.Context, file)
			if err != nil {
				return err
			}
			defer p.Close()
			result, err := p.ProveBlock(ctx.Context, given)
			if err != nil {
				return err
			}
			if ctx.Bool("json") {
				return c.printJSON(result)
			}
			note := ""
			switch {
			case result.Added && given.BuildTime > 0:
				note = fmt.Sprintf("; its proving time will be that of the prover and the %s of its input", given.BuildTime)
			case result.Added:
				note = "; its proving time will be that of the prover alone: how long it took to make the input is not known (--build-time)"
			}
			_, err = fmt.Fprintf(c.Stdout, "%d: %s%s\n", result.Number, result.Outcome, note)
			return err
		},
	}
}

// inputFile returns the path as an absolute one, because the host has another working
// directory. It fails if the file cannot be a guest input.
func inputFile(path string) (string, error) {
	if path == "" {
		return "", usage("--input is missing: the file with the guest input")
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", usage("--input: %v", err)
	case !info.Mode().IsRegular():
		return "", usage("--input: %s is no file", path)
	case info.Size() == 0:
		return "", usage("--input: %s is empty", path)
	}
	return filepath.Abs(path)
}
