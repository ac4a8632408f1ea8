package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/delivery"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk"
)

// Config is the stage's config block.
type Config struct {
	URL     string     `json:"url" doc:"Base URL of the API, such as https://ethproofs.org/api/v0 or https://staging--ethproofs.netlify.app; without a path /api/v0 is added. Without url, api_key and cluster_id the stage is a dry run."`
	APIKey  sdk.Secret `json:"api_key" doc:"The team's key."`
	Cluster int        `json:"cluster_id" doc:"Index of the cluster within the team, as GET /clusters shows it." min:"1" max:"32767"`

	DryRun           bool         `json:"dry_run" doc:"Send nothing, whatever else is set; the request bodies are kept all the same."`
	Confirm          bool         `json:"confirm" doc:"Download each accepted proof once and compare it with the one sent. Costs requests of the key's budget."`
	GiveUp           sdk.Duration `json:"give_up" doc:"How old an event may grow while EthProofs cannot be reached." default:"168h" min:"1m"`
	Pace             int          `json:"pace" doc:"Requests a minute. EthProofs allows 60 per key, so stages that share a key must share them; each stage counts for itself. 60 and more are for keys that EthProofs has exempted." default:"50" min:"1" max:"6000"`
	MaxProofBytes    int64        `json:"max_proof_bytes" doc:"The largest proof to send. The default keeps the request under the 6 MB that the site's platform passes on." default:"4400000" min:"1" max:"7864200"`
	Timeout          sdk.Duration `json:"timeout" doc:"How long one request may take, the upload included." default:"60s" min:"1s" max:"10m"`
	AcceptTestProofs bool         `json:"accept_test_proofs" doc:"Send proofs that a test program made in place of a prover. For tests only."`
}

// setting is one of the three that belong together.
type setting struct {
	pointer, variable string
	isSet             bool
}

func (c Config) settings() []setting {
	return []setting{
		{"/url", "ETHPROOFS_RPC_URL", c.URL != ""},
		{"/api_key", "ETHPROOFS_API_KEY", c.APIKey.IsSet()},
		{"/cluster_id", "ETHPROOFS_CLUSTER_ID", c.Cluster != 0},
	}
}

// isDryRun reports whether nothing is to be sent.
func (c Config) isDryRun() bool {
	if c.DryRun {
		return true
	}
	for _, s := range c.settings() {
		if s.isSet {
			return false
		}
	}
	return true
}

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	if !c.isDryRun() {
		for _, s := range c.settings() {
			if !s.isSet {
				findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: s.pointer,
					Summary: fmt.Sprintf("%s is not set, but others of url, api_key and cluster_id are", s.pointer[1:]),
					Remedy:  fmt.Sprintf("set %s, or none of the three for a dry run", s.variable)})
			}
		}
	}
	if c.URL == "" {
		return findings
	}
	base, err := ethproofs.ParseURL(c.URL)
	switch {
	case err != nil:
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: "/url", Summary: err.Error(),
			Remedy: "set ETHPROOFS_RPC_URL to " + ethproofs.Production + " or to the staging site's URL"})
	case ethproofs.SendsKeyInClear(base):
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityWarning, Pointer: "/url",
			Summary: "the key travels unencrypted", Remedy: "use https://"})
	}
	return findings
}

// Check implements the SDK's preflight: it asks the server for the team's
// clusters, which costs nothing of the key's budget.
func (c Config) Check(ctx context.Context) []sdk.Finding {
	if c.isDryRun() {
		return []sdk.Finding{{Severity: sdk.SeverityWarning, Summary: "dry run: nothing is sent to EthProofs",
			Remedy: "set ETHPROOFS_RPC_URL, ETHPROOFS_API_KEY and ETHPROOFS_CLUSTER_ID to report"}}
	}
	client, err := c.client()
	if err != nil {
		return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/url", Summary: err.Error()}}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	clusters, err := client.Clusters(ctx)
	if err != nil {
		return []sdk.Finding{c.unreachable(err)}
	}
	for _, cluster := range clusters {
		if cluster.Index != c.Cluster {
			continue
		}
		if cluster.Version() == 0 {
			return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/cluster_id",
				Summary: fmt.Sprintf("cluster %d (%s) has no version", cluster.Index, cluster.Name),
				Remedy:  "choose its zkVM on the EthProofs dashboard"}}
		}
		return []sdk.Finding{{Severity: sdk.SeverityInfo, Pointer: "/cluster_id",
			Summary: fmt.Sprintf("the key is valid; cluster %d is %q, version %d", cluster.Index, cluster.Name, cluster.Version())}}
	}
	return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/cluster_id",
		Summary: fmt.Sprintf("the key is valid, but its team has no cluster %d", c.Cluster), Remedy: delivery.ClusterRemedy(clusters)}}
}

func (c Config) unreachable(err error) sdk.Finding {
	status, answered := errors.AsType[*ethproofs.StatusError](err)
	switch {
	case answered && (status.Status == 401 || status.Status == 403):
		return sdk.Finding{Severity: sdk.SeverityError, Pointer: "/api_key", Summary: "the server refuses the key: " + status.Text,
			Remedy: "check ETHPROOFS_API_KEY, and that the key was issued for this server: production and staging have different keys"}
	case answered && status.Status < 500 && status.Status != 429:
		return sdk.Finding{Severity: sdk.SeverityError, Pointer: "/url", Summary: "there is no EthProofs API: " + err.Error(),
			Remedy: "set ETHPROOFS_RPC_URL to a URL such as " + ethproofs.Production}
	}
	return sdk.Finding{Severity: sdk.SeverityError, Pointer: "/url", Summary: "EthProofs cannot be asked: " + err.Error(),
		Remedy: "check the network and the URL; while it lasts, reports wait"}
}

// client makes a client of a valid configuration that is no dry run.
func (c Config) client() (*ethproofs.Client, error) {
	base, err := ethproofs.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	return ethproofs.NewClient(base, c.APIKey.Reveal(), "proofline-"+name+"/"+release.Version, c.Timeout.Std(), nil), nil
}
