package pipeline

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/sdk/contract"
)

// bound loads and binds a file, which must have no errors.
func bound(t *testing.T, file, text string) *Pipeline {
	t.Helper()
	p, findings := Parse(file, []byte(text), lookup)
	if findings.Failed() {
		t.Fatal(findings.Error())
	}
	if findings := Bind(p, find); findings.Failed() {
		t.Fatal(findings.Error())
	}
	return p
}

func TestBindJoinsTheGraph(t *testing.T) {
	p := bound(t, "pipeline.yaml", `
version: 1
name: graph
stages:
  - {name: source, plugin: source-devchain}
  - {name: input, plugin: builder-ethrex}
  - {name: next-input, plugin: builder-ethrex, needs: [source], shadow: true, sample: 1/4}
  - {name: next, plugin: prover-zisk, shadow: true, config: {elf: /x}}
  - {name: rare, plugin: prover-zisk, needs: [next-input], shadow: true, sample: 1/8, config: {elf: /x}}
  - {name: check, plugin: prover-stateless, needs: [source]}
  - {name: prove, plugin: prover-zisk, needs: [input], confirm: [check, late], config: {elf: /x}}
  - {name: late, plugin: prover-stateless, needs: [source]}
  - {name: behind, plugin: prover-stateless}
  - {name: all, plugin: reporter-slack}
  - {name: one, plugin: reporter-ethproofs, proofs: [prove]}
`)
	type edges struct {
		Needs, Confirm, Proofs, Upstream []string
		Shadow                           bool
		Sample                           uint64
	}
	want := map[string]edges{
		"source":     {},
		"input":      {Needs: []string{"source"}, Upstream: []string{"source"}},
		"next-input": {Needs: []string{"source"}, Upstream: []string{"source"}, Shadow: true, Sample: 4},
		"next":       {Needs: []string{"next-input"}, Upstream: []string{"source", "next-input"}, Shadow: true, Sample: 4},
		"rare":       {Needs: []string{"next-input"}, Upstream: []string{"source", "next-input"}, Shadow: true, Sample: 8},
		"check":      {Needs: []string{"source"}, Upstream: []string{"source"}},
		"prove":      {Needs: []string{"input"}, Confirm: []string{"check", "late"}, Upstream: []string{"source", "input"}},
		"late":       {Needs: []string{"source"}, Upstream: []string{"source"}},
		"behind":     {Needs: []string{"late"}, Upstream: []string{"source", "late"}},
		"all":        {Proofs: []string{"check", "prove", "late", "behind"}, Upstream: []string{"source", "input", "check", "prove", "late", "behind"}},
		"one":        {Proofs: []string{"prove"}, Upstream: []string{"source", "input", "prove"}},
	}
	got := map[string]edges{}
	for i := range p.Stages {
		s := &p.Stages[i]
		got[s.Name] = edges{s.Needs, s.Confirm, s.Proofs, p.Upstream(s), s.Shadow, s.Sample}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStagesInALine: without any key of the graph each working stage needs the one
// before it.
func TestStagesInALine(t *testing.T) {
	p := bound(t, "pipeline.yaml", `
version: 1
name: line
stages:
  - {name: source, plugin: source-devchain}
  - {name: input, plugin: builder-ethrex}
  - {name: check, plugin: prover-stateless}
  - {name: prove, plugin: prover-zisk, config: {elf: /x}}
  - {name: slack, plugin: reporter-slack}
`)
	for i, want := range []string{"", "source", "input", "check", ""} {
		s := p.Stages[i]
		if want == "" && len(s.Needs) > 0 || want != "" && !slices.Equal(s.Needs, []string{want}) {
			t.Errorf("%s needs %v", s.Name, s.Needs)
		}
	}
	if got := p.CheckTraits(traitsOf(p)); len(got) > 0 {
		t.Errorf("findings about a line: %v", got)
	}
}

// TestProverTimeoutIsItsOwn: stuck_after, which is for the health, is not a timeout.
func TestProverTimeoutIsItsOwn(t *testing.T) {
	p := bound(t, "pipeline.yaml", "version: 1\nname: x\nmonitor: {stuck_after: 3s}\nstages:\n  - {name: source, plugin: source-devchain}\n  - {name: prove, plugin: prover-zisk, config: {elf: /x}}\n")
	if prove := p.Stage("prove"); prove.Timeout != 2*time.Hour || prove.StuckAfter != 3*time.Second {
		t.Errorf("timeout %v, stuck after %v", prove.Timeout, prove.StuckAfter)
	}
}

// TestAgeDropsNothingOfThePast: blocks of lists, of ranges by number and of replays are
// not dropped by age, unless the file sets drop_after.
func TestAgeDropsNothingOfThePast(t *testing.T) {
	now := time.Now()
	old := contract.Block{Number: 24_000_000, Time: now.Add(-365 * 24 * time.Hour)}
	for text, dropped := range map[string]bool{
		"source-devchain":                                          true,
		"source-devchain}]\nselect: {every: 10}":                   true,
		"source-devchain}]\nselect: {blocks: [24000000]}":          false,
		"source-devchain}]\nselect: {blocks: [24000001]}":          true,
		"source-devchain}]\nselect: {from: 24000000}":              false,
		"source-devchain}]\nselect: {to: 24000010}":                false,
		"source-archive":                                           false,
		"source-archive}]\nselect: {drop_after: 24h}":              true,
		"source-devchain}]\nselect: {from: 5, drop_after: 24h}":    true,
		"source-devchain}]\nselect: {every: 10, drop_after: 0s}":   false,
		"source-devchain}]\nselect: {blocks: [24000000], from: 5}": false,
	} {
		if !slices.Contains([]byte(text), '}') {
			text += "}]"
		}
		p := bound(t, "pipeline.yaml", "version: 1\nname: x\nstages: [{name: source, plugin: "+text+"\n")
		if _, drop := p.Select.Drop(old, now); drop != dropped {
			t.Errorf("%s: dropped is %v", text, drop)
		}
	}
}

// TestPathsOfPlugins: texts that a schema marks as paths are relative to the file,
// wherever the mark is in the schema. A program without a slash is a name and no path.
func TestPathsOfPlugins(t *testing.T) {
	manifests["source-paths"] = contract.Manifest{Name: "source-paths", Kind: contract.KindSource, Schema: []byte(`{
		"type": "object", "$defs": {"path": {"type": "string", "format": "file"}},
		"properties": {
			"elf": {"type": "string", "format": "file"}, "dir": {"$ref": "#/$defs/path"}, "name": {"type": "string"},
			"list": {"type": "array", "items": {"anyOf": [{"type": "string", "format": "dir"}, {"type": "object", "properties": {"at": {"$ref": "#/$defs/path"}}}]}},
			"map": {"type": "object", "additionalProperties": {"type": "string", "format": "dir"}},
			"bin": {"type": "string", "format": "program"}, "tool": {"type": "string", "format": "program"}, "self": {"$ref": "#"}}}`)}
	defer delete(manifests, "source-paths")
	dir := t.TempDir()
	p := bound(t, filepath.Join(dir, "p", "pipeline.yaml"), `
version: 1
name: paths
data: ~/state
stages:
  - name: source
    plugin: source-paths
    config:
      elf: ../guest.elf
      dir: ~/keys
      name: ./no/path
      list: [a, /b, {at: c}, {at: ""}]
      map: {x: ./y, z: "~"}
      bin: bin/tool
      tool: cargo-zisk
      self: {elf: "${ELF_PATH}", self: {elf: ./deep}}
`)
	want := `{"bin":"` + dir + `/p/bin/tool","dir":"/home/operator/keys","elf":"` + dir + `/guest.elf",` +
		`"list":["` + dir + `/p/a","/b",{"at":"` + dir + `/p/c"},{"at":""}],"map":{"x":"` + dir + `/p/y","z":"/home/operator"},` +
		`"name":"./no/path","self":{"elf":"/opt/guest.elf","self":{"elf":"` + dir + `/p/deep"}},"tool":"cargo-zisk"}`
	if diff := cmp.Diff(want, string(p.Stages[0].Config)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Data != "/home/operator/state" {
		t.Errorf("data is %s", p.Data)
	}
}

func TestLocateKeysOfTheFile(t *testing.T) {
	p := bound(t, "pipeline.yaml", "version: 1\nname: x\ndata: ./d\nmonitor: {stuck_after: 1h}\nstages: [{name: source, plugin: source-devchain}]\n")
	for path, want := range map[string]string{
		"data":           "pipeline.yaml:3:7: error: data: hm",
		"monitor.listen": "pipeline.yaml:4:10: error: monitor.listen: hm",
		"output":         "pipeline.yaml: error: output: hm",
	} {
		if got := p.Locate(contract.SeverityError, path, "hm", "").String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
