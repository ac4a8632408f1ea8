package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/delivery"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk"
)

// Config is the config block of the stage.
type Config struct {
	URL     string     `json:"url" doc:"Base URL of the API, such as https://ethproofs.org/api/v0 or https://staging--ethproofs.netlify.app; without a path /api/v0 is added. Without url, api_key and cluster_id the stage is a dry run."`
	APIKey  sdk.Secret `json:"api_key" doc:"The team's key."`
	Cluster int        `json:"cluster_id" doc:"Index of the cluster within the team, as GET /clusters shows it." min:"1" max:"32767"`

	DryRun           bool         `json:"dry_run" doc:"Send nothing, whatever else is set; the request bodies are kept all the same."`
	IfProved         string       `json:"if_proved" doc:"What becomes of a block that has a proof at EthProofs already, from another machine of the same cluster: skip tells the host, which stops the work; prove goes on." default:"skip" enum:"skip,prove"`
	Confirm          bool         `json:"confirm" doc:"Download each accepted proof once, later on, and compare it with the one sent. Costs requests of the key's budget and holds up no report."`
	VerifyEvery      int          `json:"verify_every" doc:"Have the site's own verifier look at every so-many-th accepted proof, later on. 0 is none." default:"10" min:"0" max:"100000"`
	GiveUp           sdk.Duration `json:"give_up" doc:"How old an event may grow while EthProofs cannot be reached." default:"168h" min:"1m"`
	Pace             int          `json:"pace" doc:"Requests a minute at most. Below that the server's own count of the key's requests sets the pace, those of other stages included. EthProofs allows 60 per key; 60 and more are for keys that EthProofs has exempted." default:"50" min:"1" max:"6000"`
	MaxProofBytes    int64        `json:"max_proof_bytes" doc:"The largest proof to send. The default keeps the request under the 6 MB that the site's platform passes on." default:"4400000" min:"1" max:"7864200"`
	ProofHosts       []string     `json:"proof_hosts" doc:"Further hosts that stored proofs may be downloaded from, besides the site's own and those of its store."`
	VerificationKey  string       `json:"verification_key" doc:"The key that was given to EthProofs for this cluster's version, for ZisK that of the proving setup; the preflight compares it with those that are active at the site." format:"file"`
	Timeout          sdk.Duration `json:"timeout" doc:"How long one request may take, the upload included." default:"60s" min:"1s" max:"10m"`
	AcceptTestProofs bool         `json:"accept_test_proofs" doc:"Send proofs that a test program made in place of a prover. For tests only."`
}

// setting is one of the three settings that are either all set or all empty.
type setting struct {
	pointer, variable string // JSON pointer and environment variable
	isSet             bool
}

func (c Config) settings() []setting {
	return []setting{
		{"/url", "ETHPROOFS_RPC_URL", c.URL != ""},
		{"/api_key", "ETHPROOFS_API_KEY", c.APIKey.IsSet()},
		{"/cluster_id", "ETHPROOFS_CLUSTER_ID", c.Cluster != 0},
	}
}

// isDryRun reports whether the stage sends nothing: dry_run is set, or none of the
// three settings is.
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

// Validate returns what is wrong with the values. The SDK calls it before Check, and it
// makes no request.
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
	if _, err := ethproofs.ParseKey(c.APIKey.Reveal()); err != nil {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: "/api_key", Summary: err.Error(),
			Remedy: "set ETHPROOFS_API_KEY to the key alone, as EthProofs issued it"})
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

// Check is the preflight of the stage. It asks the server for the team's
// clusters, which does not count against the key's budget.
func (c Config) Check(ctx context.Context) []sdk.Finding {
	if c.isDryRun() {
		return []sdk.Finding{{Severity: sdk.SeverityWarning, Summary: "dry run: nothing is sent to EthProofs",
			Remedy: "set ETHPROOFS_RPC_URL, ETHPROOFS_API_KEY and ETHPROOFS_CLUSTER_ID to report"}}
	}
	client, err := c.client()
	if err != nil {
		return []sdk.Finding{{Severity: sdk.SeverityError, Summary: err.Error()}}
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
		return append([]sdk.Finding{{Severity: sdk.SeverityInfo, Pointer: "/cluster_id",
			Summary: "the key is valid; cluster " + describeCluster(cluster)}}, c.checkKey(ctx, client)...)
	}
	return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/cluster_id",
		Summary: fmt.Sprintf("the key is valid, but its team has no cluster %d", c.Cluster), Remedy: delivery.ClusterRemedy(clusters)}}
}

// describeCluster describes a cluster for the operator, by what EthProofs shows to its
// team.
func describeCluster(cluster ethproofs.Cluster) string {
	text := fmt.Sprintf("%d is %q, version %d", cluster.Index, cluster.Name, cluster.Version())
	if n := len(cluster.Versions); n > 1 {
		text += fmt.Sprintf(", its %dth", n)
	}
	if cluster.Hardware != "" {
		text += ", " + cluster.Hardware
	}
	return text
}

// checkKey compares the configured verification key with the keys that the site has
// for active clusters. The site lists the keys by the UUIDs of the clusters, which a
// team never sees. checkKey therefore compares the bytes of the keys.
func (c Config) checkKey(ctx context.Context, client *ethproofs.Client) []sdk.Finding {
	if c.VerificationKey == "" {
		return nil
	}
	finding := func(severity sdk.Severity, summary, remedy string) []sdk.Finding {
		return []sdk.Finding{{Severity: severity, Pointer: "/verification_key", Summary: summary, Remedy: remedy}}
	}
	own, err := os.ReadFile(c.VerificationKey)
	if err != nil {
		return finding(sdk.SeverityError, err.Error(), "name the file that was given to EthProofs")
	}
	active, err := client.VerificationKeys(ctx)
	if err != nil {
		return finding(sdk.SeverityWarning, "the active verification keys cannot be read: "+err.Error(), "try again later: the site answers ten such requests a minute")
	}
	var holders []string
	for _, key := range active {
		if bytes.Equal(key.Key, own) {
			holders = append(holders, fmt.Sprintf("%s (%s, version %d)", key.Team, key.ZkVM, key.Version))
		}
	}
	slices.Sort(holders)
	if len(holders) == 0 {
		return finding(sdk.SeverityWarning, fmt.Sprintf("none of the %d active verification keys at EthProofs is that of %s: the site cannot verify proofs by it", len(active), c.VerificationKey),
			"upload the key for the cluster's version on the team's dashboard; a cluster that has proved nothing for 6 hours is not listed")
	}
	return finding(sdk.SeverityInfo, "the verification key is active at EthProofs for "+strings.Join(slices.Compact(holders), ", "), "")
}

// unreachable returns the finding for a failed request of the preflight.
func (c Config) unreachable(err error) sdk.Finding {
	status, isStatus := errors.AsType[*ethproofs.StatusError](err)
	switch {
	case isStatus && (status.Status == 401 || status.Status == 403):
		return sdk.Finding{Severity: sdk.SeverityError, Pointer: "/api_key", Summary: "the server refuses the key: " + status.Text,
			Remedy: "check ETHPROOFS_API_KEY, and that the key was issued for this server: production and staging have different keys"}
	case isStatus && status.Status < 500 && status.Status != 429:
		return sdk.Finding{Severity: sdk.SeverityError, Pointer: "/url", Summary: "there is no EthProofs API: " + err.Error(),
			Remedy: "set ETHPROOFS_RPC_URL to a URL such as " + ethproofs.Production}
	}
	return sdk.Finding{Severity: sdk.SeverityError, Pointer: "/url", Summary: "EthProofs cannot be asked: " + err.Error(),
		Remedy: "check the network and the URL; reports wait until EthProofs answers"}
}

// client returns a client of a valid configuration that is not a dry run.
func (c Config) client() (*ethproofs.Client, error) {
	base, err := ethproofs.ParseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	key, err := ethproofs.ParseKey(c.APIKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("api_key: %w", err)
	}
	client := ethproofs.NewClient(base, key, "proofline-"+name+"/"+release.Version, c.Timeout.Std(), nil)
	client.AllowStores(c.ProofHosts)
	return client, nil
}
