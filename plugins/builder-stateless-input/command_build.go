package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
)

// buildCommand returns the command that builds one input from files.
func buildCommand() *cli.Command {
	config := func(c *cli.Context) Config {
		return Config{Guest: c.String("guest"), Format: c.String("format"), ZKVM: c.String("zkvm"), ZisK: c.String("zisk"),
			Framing: c.String("framing"), Network: c.String("network"), Genesis: c.String("genesis")}
	}
	return inputbuilder.Build{
		Plugin: name, Example: name + " build --guest ethrex-v29 --network sepolia --block block.json --witness witness.json --out input.bin",
		Description: "The block is executed from its witness, unless --reexecution names what a gate has found.\n" +
			"Network auto reads chain.json beside the block, or else takes the chain id of the transactions.",
		Formats: "dialect: ssz-d3 or ssz-d4, in place of a guest",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "reexecution", Usage: "`FILE` of prover-stateless with what executing the block has found", TakesFile: true},
			&cli.StringFlag{Name: "zkvm", Usage: "zisk, sp1 or openvm", Value: guest.ZisK},
		},
		Config: func(c *cli.Context) interface{ Validate() []sdk.Finding } { return config(c) },
		Run: func(ctx context.Context, c *cli.Context, files inputbuilder.Files, stdout, _ io.Writer) (map[string]string, error) {
			run := buildRun{config: config(c), block: files.Block, witness: files.Witness, outcome: c.String("reexecution"), out: files.Out}
			return run.run(ctx, stdout)
		},
	}.Command()
}

// buildRun is one run of the build command.
type buildRun struct {
	config                       Config
	block, witness, outcome, out string // file names
}

// run builds the input and writes it to standard output, or to a file that appears complete
// or not at all. It returns the facts of the input.
func (j *buildRun) run(ctx context.Context, stdout io.Writer) (map[string]string, error) {
	t, _, err := j.config.target()
	if err != nil {
		return nil, err
	}
	block, w, err := readInputs(j.block, j.witness)
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

// chain finds the chain of the block: the configured one, or that of chain.json beside the
// block's file, or that of the block's transactions.
func (j *buildRun) chain(block *types.Block) (*chainspec.Spec, error) {
	if spec, err := j.config.choice().Chain.Spec(); spec != nil || err != nil {
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
	return nil, fmt.Errorf("nothing in %s names its chain: set --network (%s) or --genesis", j.block, strings.Join(chainspec.Networks(), ", "))
}

// guestsCommand returns the command that lists the guest programs of SSZ formats.
func guestsCommand() *cli.Command {
	return inputbuilder.Guests(name, "GUEST\tDIALECT\tTAKES\tZKVM\tZISK\tNOTE",
		func(p guest.Program) bool { return p.Format.SSZ() },
		func(p guest.Program) []string {
			note := p.Note
			if _, err := guest.LookupSSZ(p.Name); err != nil {
				note = strings.Trim("not supported; "+note, "; ")
			}
			return []string{p.Name, string(p.Format), p.Forks.String(), strings.Join(p.ZKVMs, " "), p.ZisK, note}
		},
		"A name that ends after the major version stands for all its releases. Guests of earlier blocks in rkyv formats: builder-ethrex guests")
}
