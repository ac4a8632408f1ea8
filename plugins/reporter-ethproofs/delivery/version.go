package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
)

// versionAge is how often the cluster's version is asked for. Where it changes in
// between, the site's answers tell: another proof_id, or 409 for a proof that is
// ours under the version before.
const versionAge = time.Minute

// versionTimeout bounds the question.
const versionTimeout = 10 * time.Second

// versionWatch knows the version of the cluster that writes go to. Its methods may
// be called concurrently.
type versionWatch struct {
	url     string
	cluster int
	client  *ethproofs.Client
	ledger  *ledger.Ledger
	log     *slog.Logger
	known   *atomic.Int64 // 0 for not yet
}

func newVersionWatch(url string, cluster int, client *ethproofs.Client, store *ledger.Ledger, log *slog.Logger) versionWatch {
	return versionWatch{url: url, cluster: cluster, client: client, ledger: store, log: log, known: new(atomic.Int64)}
}

// current returns the version that was learned last, also before a restart. Only
// where there is none the server is asked, so that no delivery waits for it.
func (v versionWatch) current(ctx context.Context) (int64, error) {
	if known := v.known.Load(); known != 0 {
		return known, nil
	}
	stored, err := v.ledger.Version(v.url, v.cluster)
	if err != nil {
		return 0, ledgerFault(err)
	}
	if stored != 0 {
		v.known.CompareAndSwap(0, stored)
		return stored, nil
	}
	return v.refresh(ctx)
}

// refresh asks for the version now; that the server cannot say is an error.
func (v versionWatch) refresh(ctx context.Context) (int64, error) {
	before, err := v.ledger.Version(v.url, v.cluster)
	if err != nil {
		return 0, ledgerFault(err)
	}
	found, err := v.ask(ctx)
	if err != nil {
		return 0, err
	}
	if found != before {
		if err := v.ledger.SetVersion(v.url, v.cluster, found); err != nil {
			return 0, ledgerFault(err)
		}
		if before != 0 {
			v.log.Warn("the cluster has a new version at EthProofs; blocks announced under the old one stay unproved there", "cluster", v.cluster, "old", before, "new", found)
		}
	}
	v.known.Store(found)
	return found, nil
}

func (v versionWatch) ask(ctx context.Context) (int64, error) {
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
		return 0, &accountFault{fmt.Errorf("cluster %d (%s) has no version", c.Index, c.Name), "choose its zkVM on the EthProofs dashboard"}
	}
	return 0, &accountFault{fmt.Errorf("the key's team has no cluster %d", v.cluster), ClusterRemedy(clusters)}
}

// ClusterRemedy says which cluster ids there are.
func ClusterRemedy(clusters []ethproofs.Cluster) string {
	if len(clusters) == 0 {
		return "the team has no cluster yet: create one on the EthProofs dashboard or with \"reporter-ethproofs clusters create\""
	}
	names := make([]string, len(clusters))
	for i, c := range clusters {
		names[i] = fmt.Sprintf("%d (%s)", c.Index, c.Name)
	}
	return "set cluster_id (ETHPROOFS_CLUSTER_ID) to one of: " + strings.Join(names, ", ")
}
