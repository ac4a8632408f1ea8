package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/files"
)

func (c commands) blocksBundle() *cli.Command {
	return &cli.Command{
		Name:      "bundle",
		Usage:     "pack the files that somebody else needs to reproduce the failure of a block",
		ArgsUsage: "BLOCK [FILE]",
		Description: "The archive has the block's record, block and witness, guest input, plugin versions and the\n" +
			"last log lines of failed attempts, as far as they still exist, and nothing of the\n" +
			"configuration. The files of failed blocks are kept for 7 days.",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to `FILE`, or to - for standard output (default: block-BLOCK.tar.gz)"},
		},
		Action: func(ctx *cli.Context) error {
			number, file, err := blockAndFile(ctx)
			if err != nil {
				return err
			}
			bundle, err := c.bundle(ctx.Context, file, number)
			if err != nil {
				return err
			}
			to := ctx.String("out")
			if to == "" {
				to = fmt.Sprintf("block-%d.tar.gz", number)
			}
			missing, err := c.writeBundle(to, bundle)
			if err != nil {
				return err
			}
			if len(missing) > 0 {
				fmt.Fprintf(c.Stderr, "no longer on disk: %s\n", strings.Join(missing, ", "))
			}
			if to != "-" {
				_, err = fmt.Fprintln(c.Stdout, to)
			}
			return err
		},
	}
}

// bundle collects the content of a bundle from the running host or the checkpoint.
func (c commands) bundle(ctx context.Context, file string, number uint64) (bundle offline.Bundle, err error) {
	p, err := c.load(file)
	if err != nil {
		return bundle, err
	}
	r, err := c.reach(ctx, file)
	if err != nil {
		return bundle, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	bundle = offline.Bundle{Data: p.Data, Version: version}
	if bundle.Jobs, err = r.ShowBlock(ctx, number); err != nil {
		return bundle, err
	}
	if len(bundle.Jobs) == 0 {
		return bundle, fmt.Errorf("block %d is not known to this pipeline", number)
	}
	if bundle.About, err = r.Snapshot(ctx); err != nil {
		return bundle, err
	}
	findVersions(p, bundle.About.Stages)
	return bundle, nil
}

// findVersions fills in the versions of plugins that do not run.
func findVersions(p *pipeline.Pipeline, stages []status.Stage) {
	plugins := catalog.Open(p.Plugins.Dirs)
	for i, s := range stages {
		if s.Version != "" {
			continue
		}
		if binary, err := plugins.Find(s.Plugin); err == nil {
			stages[i].Version = binary.Manifest.Version
		}
	}
}

// writeBundle writes a bundle to a new file, which appears complete or not at all. It does
// not overwrite an existing file. missing are files that are no longer on disk.
func (c commands) writeBundle(to string, bundle offline.Bundle) (missing []string, err error) {
	if to == "-" {
		return bundle.Write(c.Stdout)
	}
	if _, err := os.Lstat(to); err == nil {
		return nil, fmt.Errorf("%s is already there: name another file with --out", to)
	}
	err = files.Replace(to, 0o600, func(w io.Writer) error {
		missing, err = bundle.Write(w)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", to, err)
	}
	return missing, nil
}
