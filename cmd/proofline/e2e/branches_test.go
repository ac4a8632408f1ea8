package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
)

// branch is a proof stage of a pipeline, the reporter stage of its proofs, and the cluster
// of the team alpha to which it reports. A shadow has neither reporter nor cluster.
type branch struct {
	stage    string
	reporter string
	cluster  int
}

// line is a pipeline with one prover.
var line = []branch{{"prove", "ethproofs", 1}}

// fork is a pipeline with two provers for one block.
var fork = []branch{{"prove", "ethproofs", 1}, {"other", "second", 2}}

// forked is a site with several doubles of ZisK, by the names of their stages, and with a
// gate that can misbehave.
type forked struct {
	*site
	server *ethproofstest.Server
	tools  map[string]*zisktest.Tool
	locks  map[string]string
	// scenarios are those that the doubles began with.
	scenarios map[string]zisktest.Scenario
	gates     string // directory of the gate's plugin
}

// newForked makes a site with these doubles for its stages. EthProofs has two clusters of
// the team.
func newForked(t *testing.T, branches []branch, scenarios map[string]zisktest.Scenario) *forked {
	t.Helper()
	gate, err := buildHostile()
	if err != nil {
		t.Fatal(err)
	}
	f := &forked{
		server: ethproofstest.Start(t), scenarios: scenarios, tools: map[string]*zisktest.Tool{}, locks: map[string]string{}, gates: filepath.Dir(gate),
	}
	f.server.SetUnlimited(true)
	f.server.AddCluster("alpha")
	f.site = newSite(t, "")
	f.branches = branches
	for stage, scenario := range scenarios {
		f.tools[stage], f.locks[stage] = zisktest.New(t, scenario), locks(t)
	}
	elf := f.path("guest.elf")
	if err := os.WriteFile(elf, append([]byte("\x7fELF"), make([]byte, 60)...), 0o600); err != nil {
		t.Fatal(err)
	}
	f.env = append(f.env, "ELF_PATH="+elf, "PROOFLINE_PLUGIN_PATH="+filepath.Join(f.bin, "plugins"),
		"ETHPROOFS_RPC_URL="+f.server.URL, "ETHPROOFS_API_KEY="+ethproofstest.AlphaKey)
	return f
}

// pipeline writes a file with the source of a scripted node, a builder and the given
// stages.
func (f *forked) pipeline(url string, from uint64, stages ...string) {
	f.t.Helper()
	f.write(fmt.Sprintf(`
version: 1
name: forked
monitor: {listen: "LISTEN"}
plugins: {dirs: [%q]}
select: {every: 1, from: %d, order: oldest_first, drop_after: 0s}
stages:
  - name: source
    plugin: source-rpc
    retry: {max: 1000, backoff: 50ms}
    config: {endpoints: [%q], poll: 100ms}
  - name: input
    plugin: builder-ethrex
    retry: {max: 1000, backoff: 50ms}
    config: {format: g8, network: hoodi, framing: raw}
%s`, f.gates, from, url, strings.Join(stages, "")))
}

// gate is a stage beside the builder.
func gate(t *testing.T, name string, config map[string]any) string {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("  - {name: %s, plugin: prover-hostile, needs: [source], retry: {max: 1000, backoff: 50ms}, config: %s}\n", name, text)
}

// prover returns a stage that runs the double of that name, with additional keys.
func (f *forked) prover(stage, keys string) string {
	if !strings.Contains(keys, "retry:") {
		keys += " retry: {max: 1000, backoff: 50ms},"
	}
	return fmt.Sprintf("  - {name: %s, plugin: prover-zisk, needs: [input], %s config: {elf: \"${ELF_PATH}\", bin: %q, %s}}\n",
		stage, keys, f.tools[stage].Path, f.locks[stage])
}

// reporter is a stage that reports the proofs of a stage to a cluster.
func reporter(name, proofs string, cluster int) string {
	return fmt.Sprintf("  - {name: %s, plugin: reporter-ethproofs, proofs: [%s], config: {url: \"${ETHPROOFS_RPC_URL}\", api_key: \"${ETHPROOFS_API_KEY}\", cluster_id: %d, accept_test_proofs: true, pace: 6000}}\n",
		name, proofs, cluster)
}

// jobs returns the jobs of a block number from the history.
func (s *site) jobs(number uint64) (jobs []status.Job) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must("blocks", "show", "--json", fmt.Sprint(number))), &jobs); err != nil {
		s.t.Fatal(err)
	}
	return jobs
}

// of returns the record of a stage for a job, and false if there is none.
func of(j status.Job, stage string) (s status.JobStage, ok bool) {
	for _, s := range j.Stages {
		if s.Stage == stage {
			return s, true
		}
	}
	return s, false
}

// call is a write to EthProofs, with or without a response.
type call struct {
	cluster int
	phase   string
	block   uint64
	status  int
	time    int64 // proving_time in ms
}

// calls returns the writes in the order of their arrival.
func calls(t *testing.T, server *ethproofstest.Server) (calls []call) {
	t.Helper()
	for _, r := range server.Requests() {
		if r.Method != "POST" || !strings.HasPrefix(r.Path, "/proofs/") {
			continue
		}
		var body struct {
			Cluster int   `json:"cluster_id"`
			Time    int64 `json:"proving_time"`
		}
		if err := json.Unmarshal(r.Body, &body); err != nil {
			if r.Status == 200 {
				t.Fatalf("EthProofs took a request that it cannot read: %s: %v", r, err)
			}
			continue // its sender was killed before the whole of it was sent
		}
		calls = append(calls, call{body.Cluster, r.Path[strings.LastIndexByte(r.Path, '/')+1:], r.Block, r.Status, body.Time})
	}
	return calls
}
