package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk/witness"
)

// executeCommand returns the command that executes one block from files.
func executeCommand() *cli.Command {
	var files blockFiles
	var config Config
	return &cli.Command{
		Name:  "execute",
		Usage: "execute one block from its witness and print what came out",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "block", Usage: "block `FILE`, as eth_getBlockByNumber answers", Required: true, Destination: &files.block},
			&cli.StringFlag{Name: "witness", Usage: "witness `FILE`, as debug_executionWitness answers", Required: true, Destination: &files.witness},
			&cli.StringFlag{Name: "network", Usage: "whose rules hold: mainnet, sepolia, holesky or hoodi", Destination: &config.Network},
			&cli.StringFlag{Name: "genesis", Usage: "genesis `FILE` of a chain that is not built in", Destination: &config.Genesis},
		},
		Action: func(c *cli.Context) error { return executeFiles(c.Context, c.App.Writer, files, config) },
	}
}

type blockFiles struct{ block, witness string }

func executeFiles(ctx context.Context, out io.Writer, files blockFiles, config Config) error {
	if (config.Network == "") == (config.Genesis == "") {
		return errors.New("one of --network and --genesis is needed")
	}
	if config.Network == chainspec.Auto {
		return fmt.Errorf("a block does not name its chain: set --network to one of %v", chainspec.Networks())
	}
	spec, err := config.choice().Spec()
	if err != nil {
		return err
	}
	rules, err := spec.Rules()
	if err != nil {
		return err
	}
	block, err := witness.ReadBlock(files.block)
	if err != nil {
		return err
	}
	w, err := witness.Read(files.witness)
	if err != nil {
		return err
	}
	report, err := stateless.Execute(ctx, rules, block.Block, w)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(describe(rules, report))
}
