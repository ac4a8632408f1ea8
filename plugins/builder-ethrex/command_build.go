package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/builder-ethrex/chainspec"
	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
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
			"Network auto reads chain.json beside the block, or else takes the chain id of the transactions.",
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
	built, err := input.Build(ctx, block, w, input.Options{Format: t.format, Config: c.config, Strict: j.config.Strict, Unverified: j.unverified, Touched: c.touched})
	if err != nil {
		return nil, err
	}
	if err := refuseSurplus(j.config.Strict && !j.unverified, built); err != nil {
		return nil, err
	}
	for _, text := range warnings(built) {
		fmt.Fprintln(stderr, "builder-ethrex: warning:", text)
	}
	if built.KeysDerived > 0 {
		fmt.Fprintf(stderr, "builder-ethrex: %d addresses that the keys of the witness lack were found by executing the block\n", built.KeysDerived)
	}
	if j.out == "-" {
		err = input.Write(stdout, built.Archive, t.framing)
	} else {
		err = writeWhole(j.out, func(f io.Writer) error { return input.Write(f, built.Archive, t.framing) })
	}
	return facts(t, block, built), err
}

// chain finds the chain of a block that lies in a file.
func (j *buildJob) chain(b *ethblock.Block) (*chain, error) {
	if j.config.Genesis != "" {
		return readChain(j.config.Genesis)
	}
	if j.config.Network != "auto" {
		return publicChain(j.config.Network)
	}
	beside := filepath.Join(filepath.Dir(j.block), sdk.ArtifactChain)
	c, err := readChain(beside)
	if !errors.Is(err, os.ErrNotExist) {
		return c, err
	}
	for i := range b.Transactions {
		if t := &b.Transactions[i]; t.Type != ethblock.TypeLegacy {
			return chainByID(t.ChainID)
		}
	}
	return nil, fmt.Errorf("%s does not tell its chain: give --network (%s) or --genesis", j.block, strings.Join(chainspec.Networks(), ", "))
}

// writeWhole writes a file beside its place and moves it there.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".builder-ethrex-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.Name, cmp.Or(p.Format, "-"), p.ZisK, p.Framing, p.Note)
	}
	return table.Flush()
}
