package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) init() *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "write a commented pipeline file, PRESET.yaml",
		ArgsUsage: "PRESET",
		Description: "If there is no pipeline.yaml, the command also makes it a link to the file, so that commands\n" +
			"without a file name use it.\n\nPresets:\n" +
			"  zisk             every 100th mainnet block, proved with ZisK on this machine\n" +
			"  zisk-cluster     the same, proved by a ZisK coordinator and its workers\n" +
			"  stateless-input  the same as zisk for reth's guest, which also takes Amsterdam blocks\n" +
			"  execute          re-execution on the CPU, no proof",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "the `FILE` to write, by default PRESET.yaml; - for standard output"},
			&cli.BoolFlag{Name: "force", Usage: "overwrite an existing file"},
		},
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() != 1 {
				return usage("name one preset: %s", strings.Join(pipeline.Presets(), ", "))
			}
			name := ctx.Args().First()
			text, err := pipeline.Preset(name)
			if err != nil {
				return usage("%v", err)
			}
			file := cmp.Or(ctx.String("file"), name+".yaml")
			if file == "-" {
				_, err := c.Stdout.Write(text)
				return err
			}
			if err := writeNew(file, text, ctx.Bool("force")); err != nil {
				return err
			}
			if !ctx.IsSet("file") && os.Symlink(file, defaultFile) == nil {
				fmt.Fprintf(c.Stderr, "made %s a link to it, for commands that are given no file\n", defaultFile)
			}
			_, err = fmt.Fprintf(c.Stderr, "wrote %s\nIts first lines say what to export. Then: proofline doctor %[1]s, proofline run %[1]s\n", file)
			return err
		},
	}
}

// writeNew writes a file. It overwrites an existing one only with force.
func writeNew(file string, text []byte, force bool) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return contract.Environment(fmt.Errorf("%s exists already", file), "--force overwrites it, --file writes another one")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
