package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/operator"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// commands returns the commands that an operator runs by hand. They read the key from
// the environment only, because every user of the machine can see the arguments.
func commands() []*cli.Command {
	index := &cli.IntFlag{Name: "cluster", Usage: "`INDEX` of the cluster within the team, its cluster_id", EnvVars: []string{"ETHPROOFS_CLUSTER_ID"}, Required: true}
	zkvm := &cli.IntFlag{Name: "zkvm-version", Usage: "`ID` of the zkVM's version at EthProofs"}
	clusters := &cli.Command{
		Name:  "clusters",
		Usage: "list the team's clusters at EthProofs with their cluster_id (key from ETHPROOFS_API_KEY)",
		Flags: connectionFlags(),
		Action: withClient(func(c *cli.Context, client *ethproofs.Client) error {
			return operator.ListClusters(c.Context, c.App.Writer, client)
		}),
		Subcommands: []*cli.Command{
			{
				Name:  "create",
				Usage: "create a cluster; one GPU makes it a prover of every 100th block, more of every block",
				Flags: append(connectionFlags(), zkvm,
					&cli.StringFlag{Name: "name", Usage: "`NAME` of at most 50 characters"},
					&cli.IntFlag{Name: "gpus", Usage: "number of GPUs", Value: 1},
					&cli.StringFlag{Name: "hardware", Usage: "`DESCRIPTION` of at most 200 characters"},
					&cli.BoolFlag{Name: "cloud", Usage: "the machines are rented by the hour, not your own"}),
				Action: withClient(func(c *cli.Context, client *ethproofs.Client) error {
					cluster := ethproofs.NewCluster{Name: c.String("name"), ZkVM: c.Int("zkvm-version"), GPUs: c.Int("gpus"), Hardware: c.String("hardware"), Deployment: "on-prem"}
					if c.Bool("cloud") {
						cluster.Deployment = "cloud-hosted"
					}
					return operator.CreateCluster(c.Context, c.App.Writer, client, cluster)
				}),
			},
			{
				Name:  "upgrade",
				Usage: "give a cluster a new version; drain the pipeline first",
				Flags: append(connectionFlags(), index, zkvm, &cli.StringFlag{Name: "vk-path", Usage: "`PATH` of the verification key at EthProofs"}),
				Action: withClient(func(c *cli.Context, client *ethproofs.Client) error {
					var change ethproofs.ClusterChange
					if c.IsSet("zkvm-version") {
						change.ZkVM = new(c.Int("zkvm-version"))
					}
					if c.IsSet("vk-path") {
						change.KeyPath = new(c.String("vk-path"))
					}
					return operator.UpgradeCluster(c.Context, c.App.Writer, client, c.Int("cluster"), change)
				}),
			},
			{
				Name: "pause", Usage: "take a cluster out of scores and digests", Flags: append(connectionFlags(), index),
				Action: withClient(func(c *cli.Context, client *ethproofs.Client) error {
					return operator.SetActive(c.Context, c.App.Writer, client, c.Int("cluster"), false)
				}),
			},
			{
				Name: "resume", Usage: "take a paused cluster back in", Flags: append(connectionFlags(), index),
				Action: withClient(func(c *cli.Context, client *ethproofs.Client) error {
					return operator.SetActive(c.Context, c.App.Writer, client, c.Int("cluster"), true)
				}),
			},
		},
	}
	return []*cli.Command{clusters,
		{
			Name: "proofs", Usage: "list the proofs that EthProofs has of a block", ArgsUsage: "BLOCK", Flags: connectionFlags(),
			Action: withClient(func(c *cli.Context, client *ethproofs.Client) error {
				block, err := numberArgument(c, "a block number")
				if err != nil {
					return err
				}
				return operator.ListProofs(c.Context, c.App.Writer, client, block)
			}),
		},
		{
			Name: verifyStored, Usage: "have EthProofs' own verifier look at the team's stored proofs of a block, or with --proof at one by its id",
			ArgsUsage: "BLOCK", Flags: append(connectionFlags(), &cli.BoolFlag{Name: "proof", Usage: "the argument is a proof_id"},
				&cli.StringFlag{Name: "config", Usage: "take URL and key from the stage's configuration, a JSON `FILE`; - for standard input"},
				&cli.BoolFlag{Name: "json", Usage: "print the verdicts as JSON, whatever they are"}),
			Action: withClient(func(c *cli.Context, client *ethproofs.Client) error {
				n, err := numberArgument(c, "a block number, or a proof_id with --proof")
				if err != nil {
					return err
				}
				var verdicts []contract.StoredVerdict
				if c.Bool("proof") {
					var verdict contract.StoredVerdict
					verdict, err = operator.VerifyProof(c.Context, client, int64(n))
					verdicts = append(verdicts, verdict)
				} else {
					verdicts, err = operator.VerifyBlock(c.Context, client, n)
				}
				if err != nil {
					return err
				}
				if c.Bool("json") {
					return json.NewEncoder(c.App.Writer).Encode(verdicts)
				}
				return operator.WriteVerdicts(c.App.Writer, verdicts)
			}),
		},
	}
}

// connectionFlags returns the flags that choose the server and the time limit of a request.
func connectionFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "url", Usage: "base `URL` of the API", EnvVars: []string{"ETHPROOFS_RPC_URL"}, Value: ethproofs.Production},
		&cli.DurationFlag{Name: "timeout", Usage: "how long to wait for an answer", Value: time.Minute},
	}
}

// numberArgument returns the command's only argument, a number that description names
// in an error.
func numberArgument(c *cli.Context, description string) (uint64, error) {
	if c.NArg() != 1 {
		return 0, fmt.Errorf("want one argument: %s", description)
	}
	n, err := strconv.ParseUint(c.Args().First(), 10, 53)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number: want %s", c.Args().First(), description)
	}
	return n, nil
}

// withClient returns an action that runs a command with a client of the flags and the
// environment, and adds a remedy to an error about the key.
func withClient(run func(*cli.Context, *ethproofs.Client) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.Command.Subcommands != nil && c.NArg() > 0 {
			return fmt.Errorf("unknown command %q (try --help)", c.Args().First())
		}
		config := Config{URL: c.String("url"), APIKey: sdk.NewSecret(os.Getenv("ETHPROOFS_API_KEY")), Timeout: sdk.Duration(c.Duration("timeout"))}
		if file := c.String("config"); file != "" {
			if err := config.read(c, file); err != nil {
				return err
			}
		}
		return config.withClient(c.Context, func(_ context.Context, client *ethproofs.Client) error { return run(c, client) })
	}
}

// read takes URL and key from the configuration of a stage, a JSON file or standard
// input ("-"). It ignores the other fields.
func (c *Config) read(ctx *cli.Context, file string) error {
	var content []byte
	var err error
	if file == "-" {
		content, err = io.ReadAll(ctx.App.Reader)
	} else {
		content, err = os.ReadFile(file)
	}
	if err != nil {
		return fmt.Errorf("the configuration cannot be read: %w", err)
	}
	var given struct {
		URL    string `json:"url"`
		APIKey string `json:"api_key"`
	}
	if json.Unmarshal(content, &given) != nil { // its error might show a part of the key
		return errors.New("the configuration is not a JSON object with url and api_key as text")
	}
	if given.URL == "" || given.APIKey == "" {
		return errors.New("the configuration has no url and api_key: the stage is a dry run, which sends nothing to EthProofs")
	}
	c.URL, c.APIKey = given.URL, sdk.NewSecret(given.APIKey)
	return nil
}

// withClient calls run with a client of the configuration and closes the client. An
// answer of 401 or 403 becomes an error with a remedy.
func (c Config) withClient(ctx context.Context, run func(context.Context, *ethproofs.Client) error) error {
	if !c.APIKey.IsSet() {
		return errors.New("no key: set ETHPROOFS_API_KEY")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	err = run(ctx, client)
	if status, isStatus := errors.AsType[*ethproofs.StatusError](err); isStatus && (status.Status == 401 || status.Status == 403) {
		finding := c.unreachable(err)
		return fmt.Errorf("%s: %s", finding.Summary, finding.Remedy)
	}
	return err
}
