// Package operator implements the commands with which an operator lists, creates and
// changes the team's clusters at EthProofs, and lists and verifies stored proofs. Its
// functions write text for people to a writer and do not parse arguments.
package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
)

// ListClusters prints the team's clusters, ascending by their cluster_id.
func ListClusters(ctx context.Context, out io.Writer, client *ethproofs.Client) error {
	clusters, err := client.Clusters(ctx)
	if err != nil {
		return err
	}
	if len(clusters) == 0 {
		_, err := fmt.Fprintln(out, "the team has no cluster yet: create one with \"reporter-ethproofs clusters create\"")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CLUSTER_ID\tNAME\tVERSION\tOLDER VERSIONS\tHARDWARE")
	for _, cluster := range clusters {
		var older []string
		for _, version := range cluster.Versions[:max(len(cluster.Versions)-1, 0)] {
			older = append(older, strconv.FormatInt(version.ID, 10))
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\t%s\n", cluster.Index, cluster.Name, cluster.Version(), dash(strings.Join(older, ", ")), dash(cluster.Hardware))
	}
	return table.Flush()
}

// dash returns the text, and "-" for an empty one.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// CreateCluster checks the description of a cluster, creates it and prints its
// cluster_id.
func CreateCluster(ctx context.Context, out io.Writer, client *ethproofs.Client, cluster ethproofs.NewCluster) error {
	switch {
	case cluster.Name == "":
		return errors.New("a cluster needs a name (--name)")
	case len([]rune(cluster.Name)) > 50:
		return errors.New("the name has more than 50 characters")
	case len([]rune(cluster.Hardware)) > 200:
		return errors.New("the description of the hardware has more than 200 characters")
	case cluster.ZkVM < 1:
		return errors.New("a cluster needs the zkVM version that EthProofs' staff named (--zkvm-version)")
	case cluster.GPUs < 1:
		return errors.New("the number of GPUs must be 1 or more")
	}
	index, err := client.CreateCluster(ctx, cluster)
	if err != nil {
		return err
	}
	every := "every block (1:1)"
	if cluster.GPUs == 1 {
		every = "every 100th block (1:100)"
	}
	_, err = fmt.Fprintf(out, "created cluster %d (%s) for %s: set ETHPROOFS_CLUSTER_ID=%d\n", index, cluster.Name, every, index)
	return err
}

// UpgradeCluster gives a cluster a new version, with another version of the zkVM,
// another path of the verification key, or both, and prints the result.
func UpgradeCluster(ctx context.Context, out io.Writer, client *ethproofs.Client, index int, change ethproofs.ClusterChange) error {
	if change.ZkVM == nil && change.KeyPath == nil {
		return errors.New("nothing to change: set --zkvm-version, --vk-path or both")
	}
	before, err := find(ctx, client, index)
	if err != nil {
		return err
	}
	if err := client.ChangeCluster(ctx, index, change); err != nil {
		return err
	}
	after, err := find(ctx, client, index)
	if err != nil {
		return err
	}
	if after.Version() == before.Version() {
		_, err = fmt.Fprintf(out, "cluster %d (%s) was that already: it stays at version %d\n", index, after.Name, after.Version())
		return err
	}
	_, err = fmt.Fprintf(out, "cluster %d (%s) has gone from version %d to %d; blocks that were announced and not proved stay so under version %d\n",
		index, after.Name, before.Version(), after.Version(), before.Version())
	return err
}

// SetActive pauses or resumes a cluster and prints its state. EthProofs leaves a paused
// cluster out of scores and digests, and resumes it when it accepts a proof.
func SetActive(ctx context.Context, out io.Writer, client *ethproofs.Client, index int, active bool) error {
	cluster, err := find(ctx, client, index)
	if err != nil {
		return err
	}
	if err := client.ChangeCluster(ctx, index, ethproofs.ClusterChange{Active: &active}); err != nil {
		return err
	}
	state := "paused: it is in no score and no digest until a proof is accepted or it is resumed"
	if active {
		state = "active"
	}
	_, err = fmt.Fprintf(out, "cluster %d (%s) is %s\n", index, cluster.Name, state)
	return err
}

// find returns the team's cluster with the index, and an error that lists the team's
// clusters where there is none.
func find(ctx context.Context, client *ethproofs.Client, index int) (ethproofs.Cluster, error) {
	clusters, err := client.Clusters(ctx)
	if err != nil {
		return ethproofs.Cluster{}, err
	}
	var known []string
	for _, cluster := range clusters {
		if cluster.Index == index {
			return cluster, nil
		}
		known = append(known, strconv.Itoa(cluster.Index))
	}
	return ethproofs.Cluster{}, fmt.Errorf("the team has no cluster %d (it has: %s)", index, dash(strings.Join(known, ", ")))
}
