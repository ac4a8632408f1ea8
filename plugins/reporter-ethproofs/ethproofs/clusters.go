package ethproofs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// Cluster is one of the team's clusters.
type Cluster struct {
	Index    int              `json:"id"` // within the team; the cluster_id of the writes
	Name     string           `json:"name"`
	Hardware string           `json:"hardware_description"` // may be empty
	Versions []ClusterVersion `json:"versions"`             // ascending by ID
}

// ClusterVersion is one combination of zkVM and verification key that a cluster has or
// had. A block can be proved once under each version.
type ClusterVersion struct {
	ID int64 `json:"id"` // unique over all clusters of the site
}

// Version returns the id of the newest version, under which the server records writes.
// It returns 0 where the cluster has no version.
func (c Cluster) Version() int64 {
	if len(c.Versions) == 0 {
		return 0
	}
	return c.Versions[len(c.Versions)-1].ID
}

// Clusters returns the clusters of the key's team, ascending by index. The route is not
// rate limited.
func (c *Client) Clusters(ctx context.Context) ([]Cluster, error) {
	content, _, err := c.do(ctx, http.MethodGet, "/clusters", nil)
	if err != nil {
		return nil, err
	}
	var clusters []Cluster
	if err := json.Unmarshal(content, &clusters); err != nil {
		return nil, fmt.Errorf("GET %s/clusters: the answer is not a list of clusters: %s", c.base, c.excerpt(content))
	}
	slices.SortFunc(clusters, func(a, b Cluster) int { return cmp.Compare(a.Index, b.Index) })
	for _, cluster := range clusters {
		slices.SortFunc(cluster.Versions, func(a, b ClusterVersion) int { return cmp.Compare(a.ID, b.ID) })
	}
	return clusters, nil
}

// NewCluster describes a cluster to create.
type NewCluster struct {
	Name       string `json:"name"`                           // at most 50 characters
	ZkVM       int    `json:"zkvm_version_id"`                // the staff of EthProofs assign it
	GPUs       int    `json:"num_gpus"`                       // 1 or more
	Hardware   string `json:"hardware_description,omitempty"` // at most 200 characters
	Deployment string `json:"deployment_type"`                // cloud-hosted or on-prem
}

// CreateCluster creates a cluster and returns its index. A cluster of one GPU proves
// every 100th block, a cluster of more GPUs every block. A cluster for every 10th block
// can be created on the site only.
func (c *Client) CreateCluster(ctx context.Context, cluster NewCluster) (int, error) {
	body, err := json.Marshal(cluster)
	if err != nil {
		return 0, err
	}
	content, _, err := c.do(ctx, http.MethodPost, "/clusters", body)
	if err != nil {
		return 0, err
	}
	var answer struct {
		ID int `json:"id"`
	}
	if err := json.Unmarshal(content, &answer); err != nil || answer.ID == 0 {
		return 0, fmt.Errorf("POST %s/clusters: status 200, but the answer names no id: %s", c.base, c.excerpt(content))
	}
	return answer.ID, nil
}

// ClusterChange is the new state of a cluster. A nil field stays unchanged. Another ZkVM
// or KeyPath gives the cluster a new version.
type ClusterChange struct {
	Name     *string `json:"name,omitempty"`
	GPUs     *int    `json:"num_gpus,omitempty"`
	Hardware *string `json:"hardware_description,omitempty"`
	Active   *bool   `json:"is_active,omitempty"`
	ZkVM     *int    `json:"zkvm_version_id,omitempty"`
	KeyPath  *string `json:"vk_path,omitempty"`
}

// ChangeCluster changes a cluster of the key's team.
func (c *Client) ChangeCluster(ctx context.Context, index int, change ClusterChange) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, _, err = c.do(ctx, http.MethodPatch, "/clusters/"+strconv.Itoa(index), body)
	return err
}
