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

// versionAge is the time between two reads of the cluster's version. A change between
// two reads shows in the site's answers: another proof_id, or 409 for a proof that is
// ours under the version before.
const versionAge = time.Minute

// versionTimeout bounds one read of the version.
const versionTimeout = 10 * time.Second

// versionWatch holds the cluster version under which EthProofs records requests. Its
// methods may be called concurrently.
type versionWatch struct {
	url     string
	cluster int
	client  *ethproofs.Client
	ledger  *ledger.Ledger
	log     *slog.Logger
	latest  *atomic.Int64 // version that was read last; 0 before the first read
}

func newVersionWatch(url string, cluster int, client *ethproofs.Client, store *ledger.Ledger, log *slog.Logger) versionWatch {
	return versionWatch{url: url, cluster: cluster, client: client, ledger: store, log: log, latest: new(atomic.Int64)}
}

// current returns the version that was read last, in this process or before a restart.
// It asks the server only where there is none, so that deliveries do not wait for it.
func (v versionWatch) current(ctx context.Context) (int64, error) {
	if latest := v.latest.Load(); latest != 0 {
		return latest, nil
	}
	stored, err := v.ledger.Version(v.url, v.cluster)
	if err != nil {
		return 0, ledgerFault(err)
	}
	if stored != 0 {
		v.latest.CompareAndSwap(0, stored)
		return stored, nil
	}
	return v.refresh(ctx)
}

// refresh reads the version from the server and stores it in the ledger. A cluster
// without a version is an accountFault.
func (v versionWatch) refresh(ctx context.Context) (int64, error) {
	before, err := v.ledger.Version(v.url, v.cluster)
	if err != nil {
		return 0, ledgerFault(err)
	}
	found, err := v.fetch(ctx)
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
	v.latest.Store(found)
	return found, nil
}

// fetch reads the version from the server.
func (v versionWatch) fetch(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	clusters, err := v.client.Clusters(ctx)
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

// ClusterRemedy returns a remedy for a wrong cluster_id that lists the team's clusters.
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
