package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// versionAge is for how long the cluster's version is taken as known. After a
// change a block's phases may go to two versions within this time; the site
// wants a cluster drained before a change anyway.
const versionAge = time.Minute

// versionTimeout bounds the question, which holds up every delivery.
const versionTimeout = 10 * time.Second

// versionWatch knows the version of the cluster that writes go to.
type versionWatch struct {
	url     string
	cluster int
	client  *ethproofs.Client
	ledger  *ledger.Ledger
	log     *slog.Logger
	turn    chan struct{} // holds one token; guards what follows
	asked   time.Time
	known   int64
}

func newVersionWatch(url string, cluster int, client *ethproofs.Client, book *ledger.Ledger, log *slog.Logger) versionWatch {
	return versionWatch{url: url, cluster: cluster, client: client, ledger: book, log: log, turn: make(chan struct{}, 1)}
}

// current returns the version. While the server cannot say, the last one it said
// counts, also from before a restart.
func (v *versionWatch) current(ctx context.Context) (int64, error) {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if v.known != 0 && time.Since(v.asked) < versionAge {
		return v.known, nil
	}
	if v.known == 0 {
		stored, err := v.ledger.Version(v.url, v.cluster)
		if err != nil {
			return 0, ledgerFault(err)
		}
		v.known = stored
	}
	found, err := v.ask(ctx)
	if err != nil {
		passing := statusOf(err) == 0 || statusOf(err) >= 500 || statusOf(err) == 429
		if v.known != 0 && passing && ctx.Err() == nil && contract.ClassOf(err) == contract.ClassRetryable {
			v.asked = time.Now()
			v.log.Debug("the cluster's version is not confirmed", "version", v.known, "error", err)
			return v.known, nil
		}
		return 0, err
	}
	if found != v.known {
		if err := v.ledger.SetVersion(v.url, v.cluster, found); err != nil {
			return 0, ledgerFault(err)
		}
		if v.known != 0 {
			v.log.Warn("the cluster has a new version at EthProofs; blocks announced under the old one stay unproved there", "cluster", v.cluster, "old", v.known, "new", found)
		}
	}
	v.known, v.asked = found, time.Now()
	return found, nil
}

func (v *versionWatch) ask(ctx context.Context) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	clusters, err := v.client.Clusters(limited)
	if err != nil {
		return 0, err
	}
	for _, c := range clusters {
		if c.Index != v.cluster {
			continue
		}
		if version := c.Version(); version != 0 {
			return version, nil
		}
		return 0, contract.Environment(fmt.Errorf("cluster %d (%s) has no version", c.Index, c.Name), "choose its zkVM on the EthProofs dashboard")
	}
	return 0, contract.Environment(fmt.Errorf("the key's team has no cluster %d", v.cluster), ClusterRemedy(clusters))
}

// ClusterRemedy says which cluster ids there are.
func ClusterRemedy(clusters []ethproofs.Cluster) string {
	if len(clusters) == 0 {
		return "the team has no cluster yet: create one on the EthProofs dashboard or with POST /clusters"
	}
	names := make([]string, len(clusters))
	for i, c := range clusters {
		names[i] = fmt.Sprintf("%d (%s)", c.Index, c.Name)
	}
	return "set cluster_id (ETHPROOFS_CLUSTER_ID) to one of: " + strings.Join(names, ", ")
}
