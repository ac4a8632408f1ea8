package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// environment are the variables of the tests. The content of SECRET must not appear in
// any finding.
var environment = map[string]string{
	"ETH_RPC_URL": "http://node.invalid:8545", "ELF_PATH": "/opt/guest.elf", "EMPTY": "", "SEVEN": "7", "YES": "true",
	"SECRET": "hunter2-do-not-print", "MINUTES": "15m", "HOME": "/home/operator",
}

func lookup(name string) (string, bool) {
	v, ok := environment[name]
	return v, ok
}

// manifests are the plugins of the tests.
var manifests = map[string]contract.Manifest{
	"source-rpc": {Name: "source-rpc", Version: "0.1.0", Kind: contract.KindSource, Schema: json.RawMessage(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false, "required": ["endpoints"],
		"properties": {
			"endpoints": {"type": "array", "minItems": 1, "description": "URLs of nodes that serve debug_executionWitness",
				"items": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "object", "additionalProperties": false, "required": ["url"],
					"properties": {"url": {"type": "string"}, "weight": {"type": "integer", "minimum": 1}}}]}},
			"poll": {"type": "string", "pattern": "^[0-9.]+(ms|s|m|h)$", "description": "a duration like 2s"},
			"confirmations": {"type": "integer", "minimum": 0, "maximum": 64}}}`)},
	"builder-ethrex": {Name: "builder-ethrex", Version: "0.1.0", Kind: contract.KindBuilder, Schema: json.RawMessage(`{
		"type": "object", "additionalProperties": false,
		"properties": {"format": {"type": "string", "enum": ["g4", "g7", "g8"]}, "network": {"type": "string"}, "strict": {"type": "boolean"}}}`)},
	"prover-zisk": {Name: "prover-zisk", Version: "0.1.0", Kind: contract.KindProver, Schema: json.RawMessage(`{
		"type": "object", "additionalProperties": false, "required": ["elf"],
		"properties": {"elf": {"type": "string", "minLength": 1, "description": "path of the guest program"},
			"action": {"type": "string", "enum": ["prove", "execute", "verify-constraints"]},
			"gpus": {"type": "array", "items": {"type": "integer"}}, "ratio": {"type": "number", "exclusiveMinimum": 0}}}`)},
	"prover-stateless": {Name: "prover-stateless", Version: "0.1.0", Kind: contract.KindProver, Schema: json.RawMessage(`{"type": "object", "additionalProperties": false, "properties": {}}`)},
	"reporter-ethproofs": {Name: "reporter-ethproofs", Version: "0.1.0", Kind: contract.KindReporter, Schema: json.RawMessage(`{
		"type": "object", "additionalProperties": false,
		"properties": {"url": {"type": "string"}, "api_key": {"type": "string", "maxLength": 4, "writeOnly": true},
			"cluster_id": {"anyOf": [{"type": "integer"}, {"const": ""}]}}}`)},
	"reporter-slack":  {Name: "reporter-slack", Version: "0.1.0", Kind: contract.KindReporter},
	"reporter-single": {Name: "reporter-single", Version: "0.1.0", Kind: contract.KindReporter},
	"prover-other":    {Name: "prover-other", Version: "0.1.0", Kind: contract.KindProver},
	"prover-untold":   {Name: "prover-untold", Version: "0.1.0", Kind: contract.KindProver},
	"source-archive": {Name: "source-archive", Version: "0.1.0", Kind: contract.KindSource, Capabilities: []string{contract.CapabilityReplay},
		Schema: json.RawMessage(`{"type": "object", "properties": {"dir": {"type": "string", "format": "dir"}}}`)},
	"prover-broken":   {Name: "prover-broken", Version: "0.1.0", Kind: contract.KindProver, Schema: json.RawMessage(`{"type": "nonsense"}`)},
	"source-devchain": {Name: "source-devchain", Version: "0.1.0", Kind: contract.KindSource},
}

func find(name string) (contract.Manifest, error) {
	m, ok := manifests[name]
	if !ok {
		return m, fmt.Errorf("plugin %q not found", name)
	}
	return m, nil
}

// TestDiagnostics compares the findings of every testdata/*.yaml with the .want file
// beside it. "go test -update" rewrites the .want files.
func TestDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			for _, f := range check(filepath.Base(file), text) {
				fmt.Fprintln(&got, f)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("findings differ from %s (-want +got):\n%s", golden, diff)
			}
			if strings.Contains(got.String(), environment["SECRET"]) {
				t.Error("a finding prints the content of a variable")
			}
		})
	}
}

// check loads and binds a file, and checks the traits if there is no error so far, as the
// command validate does.
func check(file string, text []byte) Findings {
	p, findings := Parse(file, text, lookup)
	if p != nil {
		findings = append(findings, Bind(p, find)...)
	}
	if p != nil && !findings.Failed() {
		findings = append(findings, p.CheckTraits(traitsOf(p))...)
	}
	findings.Sort()
	return findings
}

// traitsOf makes traits from configs as the plugins of this test do: network, format,
// guest and account of a config are provided by the stage or, in later stages, required.
func traitsOf(p *Pipeline) map[string]contract.Traits {
	traits := map[string]contract.Traits{}
	for _, s := range p.Stages {
		var c struct{ Action, Network, Format, Guest, Account, Pace, Place string }
		if json.Unmarshal(s.Config, &c) != nil {
			continue
		}
		t := contract.Traits{Provides: map[string]string{}, Requires: map[string][]string{}}
		switch s.Plugin {
		case "source-devchain":
			t.Provides[contract.TraitNetwork] = c.Network
		case "builder-ethrex":
			t.Provides[contract.TraitInputFormat] = c.Format
			if c.Network != "" && c.Network != "auto" {
				t.Requires[contract.TraitNetwork] = []string{c.Network}
			}
		case "prover-zisk":
			t.MakesProof = c.Action != "execute"
			t.Requires[contract.TraitInputFormat] = []string{"g4", "g7"}
		case "prover-other":
			t.MakesProof = true
		case "prover-untold":
			continue
		case "reporter-slack":
			t.Provides = map[string]string{contract.TraitAccount: c.Account, contract.TraitPace: c.Pace, contract.TraitLimit: "60", contract.TraitDestination: c.Place}
			if c.Guest != "" {
				t.Requires[contract.TraitGuest] = []string{c.Guest}
			}
		case "reporter-single", "reporter-ethproofs":
			t.Provides[contract.TraitOneProver] = "true"
		}
		traits[s.Name] = t
	}
	return traits
}

func TestLoadFillsEveryField(t *testing.T) {
	const text = `
version: 1
name: mainnet
data: state
log: {level: warning}
monitor: {listen: "127.0.0.1:0", stuck_after: "${SEVEN}s"}
select: {every: 100, from: 24_000_000, to: 0x1800000, shard: 2/4, order: oldest_first, drop_after: 0s, repair: 64, blocks: [24_000_050, 7, "${SEVEN}"]}
keep: {history: 48h, files: 0s}
plugins: {dirs: [../plugins, /opt/plugins]}
stages:
  - name: source
    plugin: source-rpc
    config: {endpoints: ["${ETH_RPC_URL}", {url: "$${x}", weight: "${SEVEN}"}], confirmations: "${SEVEN}"}
  - {name: input, plugin: builder-ethrex, config: {strict: "${YES}", format: g4}}
  - name: prove
    plugin: prover-zisk
    retry: {max: 0, backoff: 1m}
    heartbeat_timeout: ${MINUTES}
    concurrency: ${SEVEN}
    verify: ${YES}
    env: [CUDA_CACHE_PATH, "ROCM_*"]
    config: &zisk {elf: /x, gpus: [0, 1], ratio: 1.5e0}
  - {name: again, plugin: prover-zisk, timeout: 3h, config: *zisk}
  - {name: ethproofs, plugin: reporter-ethproofs, config: {url: "${EMPTY:-}", cluster_id: "${EMPTY}"}}
`
	dir := t.TempDir()
	file := filepath.Join(dir, "p", "pipeline.yaml")
	p, findings := Parse(file, []byte(text), lookup)
	if len(findings) > 0 {
		t.Fatalf("findings:\n%v", findings.Error())
	}
	if findings := Bind(p, find); len(findings) > 0 {
		t.Fatalf("findings of Bind:\n%v", findings.Error())
	}
	if p.Data != filepath.Join(dir, "p", "state") || p.Output != filepath.Join(dir, "p", "output") {
		t.Errorf("data %s, output %s: not beside the file", p.Data, p.Output)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "plugins"), "/opt/plugins"}, p.Plugins.Dirs); diff != "" {
		t.Error(diff)
	}
	from, to := uint64(24_000_000), uint64(0x1800000)
	want := selection.Selection{
		Targets: contract.Selection{Every: 100, ShardIndex: 1, ShardCount: 4, From: &from, To: &to},
		Blocks:  []uint64{7, 24_000_050}, Order: selection.OldestFirst, Repair: 64,
	}
	if diff := cmp.Diff(want, p.Select); diff != "" {
		t.Errorf("select (-want +got):\n%s", diff)
	}
	if (p.Keep != Keep{History: 48 * time.Hour, Failed: DefaultFailed}) {
		t.Errorf("keep %v", p.Keep)
	}
	if p.Log.Level != slog.LevelWarn || p.Monitor.Listen != "127.0.0.1:0" || p.Monitor.StuckAfter != 7*time.Second {
		t.Errorf("log %v, monitor %v", p.Log, p.Monitor)
	}
	configs := []string{
		`{"confirmations":"7","endpoints":["http://node.invalid:8545",{"url":"${x}","weight":"7"}]}`,
		`{"format":"g4","strict":"true"}`,
		`{"elf":"/x","gpus":[0,1],"ratio":1.5}`,
		`{"elf":"/x","gpus":[0,1],"ratio":1.5}`,
		`{"cluster_id":"","url":""}`,
	}
	for i, want := range configs {
		if got := string(p.Stages[i].Config); got != want {
			t.Errorf("config of stage %d is\n%s, want\n%s", i, got, want)
		}
	}
	source, prove, again, reporter := p.Stages[0], p.Stages[2], p.Stages[3], p.Stages[4]
	if source.Kind != contract.KindSource || source.Timeout != 10*time.Minute || source.Concurrency != 2 || source.Retry != (Retry{2, 5 * time.Second}) {
		t.Errorf("source: %+v", source)
	}
	if prove.Timeout != 2*time.Hour || prove.StuckAfter != 7*time.Second || prove.Concurrency != 7 || prove.Retry != (Retry{0, time.Minute}) ||
		prove.HeartbeatTimeout != 15*time.Minute || prove.Verify == nil || !*prove.Verify || len(prove.Env) != 2 {
		t.Errorf("prove: %+v", prove)
	}
	if again.Timeout != 3*time.Hour || again.Verify != nil || again.Concurrency != 1 || reporter.Timeout != 5*time.Minute || reporter.Concurrency != 8 {
		t.Errorf("again: %+v, reporter: %+v", again, reporter)
	}
}

func TestSelectDefaults(t *testing.T) {
	for text, every := range map[string]uint64{
		"": 1, "select: {}": 1, "select: {blocks: [5]}": 0, "select: {blocks: [5], every: 10}": 10,
		"select: {from: 5}": 1, "select: {blocks: [5], from: 5}": 1, "select: {shard: 1/2}": 1,
	} {
		p, _ := Parse("pipeline.yaml", []byte("version: 1\nname: x\nstages: []\n"+text), lookup)
		if p == nil || p.Select.Targets.Every != every {
			t.Errorf("%q selects every %v, want %d", text, p, every)
		}
	}
}

func TestLocatePointsIntoTheFile(t *testing.T) {
	p, findings := Parse("pipeline.yaml", []byte(`version: 1
name: x
stages:
  - name: source
    plugin: source-rpc
    config:
      endpoints:
        - "http://a"
        - {url: "${ETH_RPC_URL}", "we/ird~": 2}
`), lookup)
	if findings.Failed() {
		t.Fatal(findings.Error())
	}
	for pointer, want := range map[string]string{
		"":                         "pipeline.yaml:7:7: warning: stages[0].config: hm",
		"/endpoints/0":             "pipeline.yaml:8:11: warning: stages[0].config.endpoints[0]: hm",
		"/endpoints/1/url":         "pipeline.yaml:9:17: warning: stages[0].config.endpoints[1].url: hm",
		"/endpoints/1/we~1ird~0":   "pipeline.yaml:9:46: warning: stages[0].config.endpoints[1].we/ird~: hm",
		"/endpoints/1/missing/sub": "pipeline.yaml:9:11: warning: stages[0].config.endpoints[1].missing.sub: hm",
	} {
		f := p.Stages[0].Locate(contract.Finding{Severity: contract.SeverityWarning, Pointer: pointer, Summary: "hm"})
		if f.String() != want {
			t.Errorf("%s is located as\n%s, want\n%s", pointer, f, want)
		}
	}
}

func TestLoadMissingFile(t *testing.T) {
	p, findings := Load(filepath.Join(t.TempDir(), "pipeline.yaml"), lookup)
	if p != nil || !findings.Failed() || !strings.Contains(findings[0].String(), "proofline init") {
		t.Errorf("got %v, %v", p, findings)
	}
	if e, ok := errors.AsType[*InvalidError](findings.Error()); !ok || len(e.Findings) != 1 {
		t.Errorf("findings are no InvalidError: %v", findings.Error())
	}
}

// TestPresetsAreValid loads what init writes, with the variables that the
// comments of each file export.
func TestPresetsAreValid(t *testing.T) {
	for _, name := range Presets() {
		text, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		exported := map[string]string{}
		for line := range strings.SplitSeq(string(text), "\n") {
			if rest, ok := strings.CutPrefix(line, "#   export "); ok {
				key, value, _ := strings.Cut(rest, "=")
				exported[key], _, _ = strings.Cut(value, " ")
			}
		}
		p, findings := Parse(name+".yaml", text, func(key string) (string, bool) { v, ok := exported[key]; return v, ok })
		if len(findings) > 0 {
			t.Errorf("%s:\n%v", name, findings.Error())
			continue
		}
		if p.Monitor.Listen != "0.0.0.0:4000" || p.Monitor.StuckAfter != time.Hour || p.Select.Targets.Every != 100 {
			t.Errorf("%s: %+v", name, p)
		}
		findings = Bind(p, func(plugin string) (contract.Manifest, error) {
			kind, _, _ := strings.Cut(plugin, "-")
			return contract.Manifest{Name: plugin, Kind: contract.Kind(kind)}, nil
		})
		traits := map[string]contract.Traits{}
		for _, s := range p.Stages {
			traits[s.Name] = contract.Traits{MakesProof: s.Kind == contract.KindProver && s.Plugin != "prover-stateless"}
		}
		if findings = append(findings, p.CheckTraits(traits)...); len(findings) > 0 {
			t.Errorf("%s:\n%v", name, findings)
		}
		if check := p.Stage("check"); check == nil || !slices.Equal(check.Needs, []string{"source"}) {
			t.Errorf("%s has no gate beside its builder: %+v", name, check)
		}
		// Nothing is announced before the gate's verdict. Either the proof waits for the
		// gate, or the builder does, because it uses the gate's result.
		var gated []string
		if !slices.Contains(p.Stage("input").Needs, "check") {
			gated = []string{"check"}
		}
		if prove := p.Stage("prove"); prove != nil && (!slices.Equal(prove.Needs, []string{"input"}) || !slices.Equal(prove.Confirm, gated)) {
			t.Errorf("%s: needs %v, confirm %v", name, prove.Needs, prove.Confirm)
		}
		if _, findings := Parse(name+".yaml", text, func(string) (string, bool) { return "", false }); !findings.Failed() {
			t.Errorf("%s is valid without ETH_RPC_URL", name)
		}
	}
	if _, err := Preset("zisc"); err == nil || !strings.Contains(err.Error(), `did you mean "zisk"?`) {
		t.Errorf("an unknown preset: %v", err)
	}
}
