package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/builder-ethrex/strict"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
	"github.com/proofline/proofline/sdk"
)

// buildCommand returns the command that builds one input from files.
func buildCommand() *cli.Command {
	config := func(c *cli.Context) Config {
		return Config{Format: c.String("format"), Guest: c.String("guest"), ZisK: c.String("zisk"), Framing: c.String("framing"),
			Network: c.String("network"), Genesis: c.String("genesis"), Strict: c.Bool("strict")}
	}
	return inputbuilder.Build{
		Plugin: name, Example: name + " build --format g4 --network hoodi --block block.json --witness witness.json --out input.bin",
		Description: "Network auto reads chain.json beside the block or the witness, or else takes the chain id of the transactions\n" +
			"or, of a block without any, the public network that can have its number at its time.",
		Formats: "layout: g4, g7, g8, g9, zec7 or zec, in place of a guest",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "strict", Usage: "refuse what ethrex's own converter refuses"},
			&cli.BoolFlag{Name: "unverified", Usage: "do not check that block, witness and network belong together"},
		},
		Config: func(c *cli.Context) interface{ Validate() []sdk.Finding } { return config(c) },
		Run: func(ctx context.Context, c *cli.Context, files inputbuilder.Files, stdout, stderr io.Writer) (map[string]string, error) {
			limitCollection()
			run := buildRun{config: config(c), block: files.Block, witness: files.Witness, out: files.Out, unverified: c.Bool("unverified")}
			return run.run(ctx, stdout, stderr)
		},
	}.Command()
}

// limitCollection turns the garbage collector off below a heap size that only an unusually
// large block needs. A process that builds one input and ends makes little garbage, and
// collecting it takes a quarter of the CPU time.
func limitCollection() {
	const heap = 512 << 20 // bytes
	debug.SetMemoryLimit(heap)
	debug.SetGCPercent(-1)
}

// buildRun is one run of the build command.
type buildRun struct {
	config              Config
	block, witness, out string // file names
	unverified          bool
}

// run builds the input and writes it to standard output, or to a file that appears complete
// or not at all. It writes warnings to stderr and returns the facts of the input.
func (j *buildRun) run(ctx context.Context, stdout, stderr io.Writer) (map[string]string, error) {
	t, _, err := j.config.target()
	if err != nil {
		return nil, err
	}
	if j.config.Strict {
		if err := strict.Files(j.block, j.witness, input.NeedsKeys(t.Format)); err != nil {
			return nil, err
		}
	}
	block, w, err := inputbuilder.Read(j.block, j.witness, readBlock)
	if err != nil {
		return nil, err
	}
	c, err := j.chain(block)
	if err != nil {
		return nil, err
	}
	built, err := input.Prepare(ctx, block, w, input.Options{Format: t.Format, Config: c.config, Strict: j.config.Strict, Unverified: j.unverified, Touched: c.touched})
	if err != nil {
		return nil, err
	}
	if err := refuseSurplus(j.config.Strict && !j.unverified, built.Result); err != nil {
		return nil, err
	}
	for _, text := range warnings(built.Result) {
		fmt.Fprintln(stderr, name+": warning:", text)
	}
	if built.KeysDerived > 0 {
		fmt.Fprintf(stderr, "%s: %d addresses that the keys of the witness lack were found by executing the block\n", name, built.KeysDerived)
	}
	if j.out == "-" {
		err = guest.StreamFramed(stdout, built, t.Framing)
	} else {
		err = guest.StreamFile(j.out, built, t.Framing)
	}
	return facts(t, c, block, built.Result), err
}

// guestsCommand returns the command that lists the guest programs of rkyv formats.
func guestsCommand() *cli.Command {
	return inputbuilder.Guests(name, "GUEST\tFORMAT\tZISK\tFRAMING\tNOTE",
		func(p guest.Program) bool { return !p.Format.SSZ() },
		func(p guest.Program) []string {
			return []string{p.Name, string(p.Format), p.ZisK, string(p.Framing), p.Note}
		},
		"Guests of the SSZ StatelessInput, for Amsterdam blocks: builder-stateless-input guests")
}
