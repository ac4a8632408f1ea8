package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk"
)

// clustersCommand lists the team's clusters, so that an operator finds the
// cluster_id. The key comes from the environment only: arguments are visible to
// every user of the machine.
func clustersCommand() *cli.Command {
	return &cli.Command{
		Name:  "clusters",
		Usage: "list the team's clusters at EthProofs with their cluster_id (key from ETHPROOFS_API_KEY)",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "url", Usage: "base `URL` of the API", EnvVars: []string{"ETHPROOFS_RPC_URL"}, Value: ethproofs.Production},
			&cli.DurationFlag{Name: "timeout", Usage: "how long to wait for the answer", Value: 15 * time.Second},
		},
		Action: func(c *cli.Context) error {
			key := sdk.NewSecret(os.Getenv("ETHPROOFS_API_KEY"))
			return listClusters(c.Context, c.App.Writer, c.String("url"), key, c.Duration("timeout"))
		},
	}
}

func listClusters(ctx context.Context, out io.Writer, url string, key sdk.Secret, timeout time.Duration) error {
	if !key.IsSet() {
		return errors.New("no key: set ETHPROOFS_API_KEY")
	}
	config := Config{URL: url, APIKey: key, Timeout: sdk.Duration(timeout)}
	client, err := config.client()
	if err != nil {
		return err
	}
	defer client.Close()
	clusters, err := client.Clusters(ctx)
	if err != nil {
		finding := config.unreachable(err)
		return fmt.Errorf("%s: %s", finding.Summary, finding.Remedy)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CLUSTER_ID\tNAME\tVERSION")
	for _, cluster := range clusters {
		fmt.Fprintf(table, "%d\t%s\t%d\n", cluster.Index, cluster.Name, cluster.Version())
	}
	return table.Flush()
}
