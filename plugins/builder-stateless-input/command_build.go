package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
)

func buildCommand() *cli.Command {
	return &cli.Command{
		Name: "build", Usage: "build one input from files",
		UsageText: name + " build --guest ethrex-v29 --network sepolia --block block.json --witness witness.json --out input.bin",
		Description: "Block and witness are the answers to eth_getBlockByNumber(n, true) and debug_executionWitness(n),\n" +
			"with or without the JSON-RPC envelope; names that end in .gz are read as gzip. The block is executed\n" +
			"from its witness, unless --reexecution names what a gate has found.\n" +
			"Network auto reads chain.json beside the block, or else takes the chain id of the transactions.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "block", Usage: "the block, a JSON `FILE`", TakesFile: true},
			&cli.StringFlag{Name: "witness", Usage: "the execution witness, a JSON `FILE`", TakesFile: true},
			&cli.StringFlag{Name: "reexecution", Usage: "`FILE` of prover-stateless with what executing the block has found", TakesFile: true},
			&cli.StringFlag{Name: "out", Usage: "the input, a `FILE` to write; - for standard output", TakesFile: true},
			&cli.StringFlag{Name: "guest", Usage: "guest program `NAME`"},
			&cli.StringFlag{Name: "format", Usage: "dialect: ssz-d3 or ssz-d4, in place of a guest"},
			&cli.StringFlag{Name: "zkvm", Usage: "zisk, sp1 or openvm", Value: guest.ZisK},
			&cli.StringFlag{Name: "zisk", Usage: "ZisK `VERSION`, for the framing"},
			&cli.StringFlag{Name: "framing", Usage: "raw or framed"},
			&cli.StringFlag{Name: "network", Usage: "auto, mainnet, sepolia, holesky or hoodi", Value: chainspec.Auto},
			&cli.StringFlag{Name: "genesis", Usage: "genesis `FILE` of any other chain", TakesFile: true},
			&cli.BoolFlag{Name: "json", Usage: "print facts of the input as JSON on standard output"},
		},
		Action: func(c *cli.Context) error {
			for _, flag := range []string{"block", "witness", "out"} {
				if c.String(flag) == "" {
					return cli.Exit(fmt.Sprintf("--%s FILE is missing; see %s build --help", flag, name), 2)
				}
			}
			if c.String("out") == "-" && c.Bool("json") {
				return cli.Exit("--json and --out - cannot both write to standard output", 2)
			}
			job := buildJob{
				config: Config{Guest: c.String("guest"), Format: c.String("format"), ZKVM: c.String("zkvm"), ZisK: c.String("zisk"),
					Framing: c.String("framing"), Network: c.String("network"), Genesis: c.String("genesis")},
				block: c.String("block"), witness: c.String("witness"), outcome: c.String("reexecution"), out: c.String("out"),
			}
			for _, f := range job.config.Validate() {
				if f.Severity == sdk.SeverityError {
					return cli.Exit(f.Summary, 2)
				}
			}
			facts, err := job.run(c.Context, c.App.Writer)
			if err == nil && c.Bool("json") {
				err = printJSON(c.App.Writer, facts)
			}
			return err
		},
	}
}

// buildJob is one run of the build command.
type buildJob struct {
	config                       Config
	block, witness, outcome, out string // file names
}

// run builds the input and writes it to the file, which appears whole or not at
// all, or to standard output.
func (j *buildJob) run(ctx context.Context, stdout io.Writer) (map[string]string, error) {
	t, _, err := j.config.target()
	if err != nil {
		return nil, err
	}
	block, w, err := readBoth(j.block, j.witness)
	if err != nil {
		return nil, err
	}
	spec, err := j.chain(block)
	if err != nil {
		return nil, err
	}
	var outcome *stateless.Outcome
	if j.outcome != "" {
		if outcome, err = stateless.ReadOutcome(j.outcome); err != nil {
			return nil, err
		}
		if err := outcome.Check(spec.ChainID, block); err != nil {
			return nil, fmt.Errorf("%s: %w", j.outcome, err)
		}
	}
	m, err := assemble(ctx, t, spec, block, w, outcome)
	if err != nil {
		return nil, err
	}
	if j.out == "-" {
		err = guest.WriteFramed(stdout, m.encoded, t.Framing)
	} else {
		err = guest.WriteFile(j.out, m.encoded, t.Framing)
	}
	return m.facts(t), err
}

// chain finds the chain of a block that lies in a file.
func (j *buildJob) chain(block *types.Block) (*chainspec.Spec, error) {
	if spec, err := j.config.choice().Spec(); spec != nil || err != nil {
		return spec, err
	}
	spec, err := chainspec.Read(filepath.Join(filepath.Dir(j.block), sdk.ArtifactChain))
	if !errors.Is(err, os.ErrNotExist) {
		return spec, err
	}
	for _, tx := range block.Transactions() {
		if id := tx.ChainId(); id.Sign() > 0 && id.IsUint64() {
			return chainspec.ByID(id.Uint64())
		}
	}
	return nil, fmt.Errorf("%s does not tell its chain: give --network (%s) or --genesis", j.block, strings.Join(chainspec.Networks(), ", "))
}

func guestsCommand() *cli.Command {
	return &cli.Command{
		Name: "guests", Usage: "list the guest programs with their dialects", UsageText: name + " guests [--json]",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the list as JSON"}},
		Action: func(c *cli.Context) error {
			var programs []guest.Program
			for _, p := range guest.Programs() {
				if p.Format.SSZ() {
					programs = append(programs, p)
				}
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, programs)
			}
			table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "GUEST\tDIALECT\tTAKES\tZKVM\tZISK\tNOTE")
			for _, p := range programs {
				note := p.Note
				if _, err := guest.LookupSSZ(p.Name); err != nil {
					note = strings.Trim("not supported; "+note, "; ")
				}
				fmt.Fprintf(table, "%s\t%s\t%v\t%s\t%s\t%s\n", p.Name, p.Format, p.Forks, strings.Join(p.ZKVMs, " "), p.ZisK, note)
			}
			fmt.Fprintln(table, "\nA name that ends after the major version stands for all its releases. Guests of earlier blocks in rkyv formats: builder-ethrex guests")
			return table.Flush()
		},
	}
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
