package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk"
)

func buildCommand() *cli.Command {
	return &cli.Command{
		Name: "build", Usage: "build one input from files",
		UsageText: "builder-ethrex build --format g4 --network hoodi --block block.json --witness witness.json --out input.bin",
		Description: "Block and witness are the answers to eth_getBlockByNumber(n, true) and debug_executionWitness(n),\n" +
			"with or without the JSON-RPC envelope; names that end in .gz are read as gzip.\n" +
			"Network auto reads chain.json beside the block or the witness, or else takes the chain id of the transactions\n" +
			"or, of a block without any, the public network that can have its number at its time.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "block", Usage: "the block, a JSON `FILE`", TakesFile: true},
			&cli.StringFlag{Name: "witness", Usage: "the execution witness, a JSON `FILE`", TakesFile: true},
			&cli.StringFlag{Name: "out", Usage: "the input, a `FILE` to write; - for standard output", TakesFile: true},
			&cli.StringFlag{Name: "format", Usage: "layout: g4, g7, g8, zec7 or zec"},
			&cli.StringFlag{Name: "guest", Usage: "guest program `NAME`, in place of a format"},
			&cli.StringFlag{Name: "zisk", Usage: "ZisK `VERSION`, for the framing"},
			&cli.StringFlag{Name: "framing", Usage: "raw or framed"},
			&cli.StringFlag{Name: "network", Usage: "auto, mainnet, sepolia, holesky or hoodi", Value: "auto"},
			&cli.StringFlag{Name: "genesis", Usage: "genesis `FILE` of any other chain", TakesFile: true},
			&cli.BoolFlag{Name: "strict", Usage: "refuse what ethrex's own converter refuses"},
			&cli.BoolFlag{Name: "unverified", Usage: "do not check that block, witness and network belong together"},
			&cli.BoolFlag{Name: "json", Usage: "print facts of the input as JSON on standard output"},
		},
		Action: func(c *cli.Context) error {
			for _, flag := range []string{"block", "witness", "out"} {
				if c.String(flag) == "" {
					return cli.Exit(fmt.Sprintf("--%s FILE is missing; see builder-ethrex build --help", flag), 2)
				}
			}
			if c.String("out") == "-" && c.Bool("json") {
				return cli.Exit("--json and --out - cannot both write to standard output", 2)
			}
			config := Config{Format: c.String("format"), Guest: c.String("guest"), ZisK: c.String("zisk"), Framing: c.String("framing"),
				Network: c.String("network"), Genesis: c.String("genesis"), Strict: c.Bool("strict")}
			for _, f := range config.Validate() {
				if f.Severity == sdk.SeverityError {
					return cli.Exit(f.Summary, 2)
				}
			}
			rarelyCollect()
			job := buildJob{config: config, block: c.String("block"), witness: c.String("witness"), out: c.String("out"), unverified: c.Bool("unverified")}
			facts, err := job.run(c.Context, c.App.Writer, c.App.ErrWriter)
			if err == nil && c.Bool("json") {
				encoder := json.NewEncoder(c.App.Writer)
				encoder.SetIndent("", "  ")
				err = encoder.Encode(facts)
			}
			return err
		},
	}
}

// rarelyCollect turns the garbage collector off up to a heap that only an
// unusually large block needs. A process that builds one input and ends makes
// little garbage: collecting it took a quarter of the CPU time and saved nothing.
func rarelyCollect() {
	const heap = 512 << 20
	debug.SetMemoryLimit(heap)
	debug.SetGCPercent(-1)
}

// buildJob is one run of the build command.
type buildJob struct {
	config              Config
	block, witness, out string // file names
	unverified          bool
}

// run builds the input and writes it to the file, which appears whole or not at
// all, or to standard output. Warnings go to stderr.
func (j *buildJob) run(ctx context.Context, stdout, stderr io.Writer) (map[string]string, error) {
	t, _, err := j.config.target()
	if err != nil {
		return nil, err
	}
	block, w, err := readBoth(j.block, j.witness)
	if err != nil {
		return nil, err
	}
	c, err := j.chain(block)
	if err != nil {
		return nil, err
	}
	built, err := input.Build(ctx, block, w, input.Options{Format: t.Format, Config: c.config, Strict: j.config.Strict, Unverified: j.unverified, Touched: c.touched})
	if err != nil {
		return nil, err
	}
	for _, text := range warnings(built) {
		fmt.Fprintln(stderr, "builder-ethrex: warning:", text)
	}
	if built.KeysDerived > 0 {
		fmt.Fprintf(stderr, "builder-ethrex: %d addresses that the keys of the witness lack were found by executing the block\n", built.KeysDerived)
	}
	if j.out == "-" {
		err = guest.WriteFramed(stdout, built.Archive, t.Framing)
	} else {
		err = guest.WriteFile(j.out, built.Archive, t.Framing)
	}
	return facts(t, c, block, built), err
}

func guestsCommand() *cli.Command {
	return &cli.Command{
		Name: "guests", Usage: "list the guest programs with their formats", UsageText: "builder-ethrex guests [--json]",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the list as JSON"}},
		Action: func(c *cli.Context) error {
			if c.Bool("json") {
				encoder := json.NewEncoder(c.App.Writer)
				encoder.SetIndent("", "  ")
				return encoder.Encode(guest.Programs())
			}
			return printGuests(c.App.Writer)
		},
	}
}

func printGuests(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GUEST\tFORMAT\tZISK\tFRAMING\tNOTE")
	for _, p := range guest.Programs() {
		if _, err := guest.Lookup(p.Name); err != nil {
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.Name, p.Format, p.ZisK, p.Framing, p.Note)
	}
	fmt.Fprintln(table, "\nGuests of the SSZ StatelessInput, for Amsterdam blocks: builder-stateless-input guests")
	return table.Flush()
}
