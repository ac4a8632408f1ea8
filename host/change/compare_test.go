package change

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"errors"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

const file = `
version: 1
name: p
select: {every: 100}
stages:
  - {name: source, plugin: source-x, config: {endpoints: [one], header: hunter2}}
  - {name: input, plugin: builder-x}
  - {name: prove, plugin: prover-x, config: {key: {file: k}}}
  - {name: site, plugin: reporter-x}
`

// outline returns the outline of a pipeline file. The kind of a plugin is the first part of
// its name, and changed holds the versions of plugins other than 1.0.0.
func outline(t *testing.T, text string, changed map[string]string) Outline {
	t.Helper()
	p, findings := pipeline.Parse("pipeline.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err := findings.Error(); err != nil {
		t.Fatal(findings)
	}
	manifest := func(name string) (contract.Manifest, error) {
		kind, _, _ := strings.Cut(name, "-")
		version := changed[name]
		if version == "" {
			version = "1.0.0"
		}
		return contract.Manifest{Name: name, Version: version, Kind: contract.Kind(kind), Schema: []byte(`{"type":"object"}`)}, nil
	}
	if err := pipeline.Bind(p, manifest).Error(); err != nil {
		t.Fatal(err)
	}
	o, err := Of(p, "0.1.0", func(s pipeline.Stage) (StageInfo, error) {
		m, err := manifest(s.Plugin)
		return StageInfo{Binary: catalog.Binary{Manifest: m}, Fingerprint: m.Name + m.Version + strings.ReplaceAll(strings.ReplaceAll(string(s.Config), "hunter2", ""), "hunter3", ""), Secrets: []string{"hunter2", "hunter3"}}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestCompare changes one key at a time and checks the difference and its action.
func TestCompare(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"nothing", "", "", ""},
		{"selection", "every: 100", "every: 10, order: oldest_first", "select.every nothing, select.order nothing"},
		{"listed blocks", "every: 100", "every: 100, blocks: [7]", "select.blocks nothing"},
		{"log level", "name: p", "name: p\nlog: {level: debug}", "log.level nothing"},
		{"log format", "name: p", "name: p\nlog: {format: json}", "log.format restart"},
		{"kept output", "name: p", "name: p\nkeep: {output: 24h}", "keep.output nothing"},
		{"sandbox", "plugin: reporter-x", "plugin: reporter-x, sandbox: {network: true}", "stages.site.sandbox.network plugin"},
		{"name", "name: p", "name: q", "name restart"},
		{"port", "name: p", "name: p\nmonitor: {listen: \"127.0.0.1:1\"}", "monitor.listen restart"},
		{"stuck_after", "name: p", "name: p\nmonitor: {stuck_after: 1m}", "stages.source.stuck_after nothing, stages.input.stuck_after nothing, stages.prove.stuck_after nothing, stages.site.stuck_after nothing"},
		{"endpoint", "[one]", "[one, two]", "stages.source.config.endpoints plugin redone"},
		{"secret", "hunter2", "hunter3", "stages.source.config.header plugin"},
		{"limits", "plugin: prover-x,", "plugin: prover-x, timeout: 3h, retry: {max: 9}, concurrency: 2,", "stages.prove.concurrency nothing, stages.prove.retry.max nothing, stages.prove.timeout nothing"},
		{"prover's config", "{file: k}", "{file: l}", "stages.prove.config.key.file restart redone"},
		{"environment", "plugin: reporter-x", "plugin: reporter-x, env: [A]", "stages.site.env plugin"},
		{"prover's environment", "plugin: prover-x,", "plugin: prover-x, env: [A],", "stages.prove.env restart"},
		{"another plugin", "plugin: prover-x", "plugin: prover-y", "stages.prove.plugin restart redone"},
		{"reporter more", "plugin: reporter-x}", "plugin: reporter-x}\n  - {name: more, plugin: reporter-y}", "stages.more nothing"},
		{"reporter less", "  - {name: site, plugin: reporter-x}\n", "", "stages.site nothing"},
		{"builder less", "  - {name: input, plugin: builder-x}\n", "", "stages.prove.needs restart, stages.input restart"},
		{"source renamed", "name: source,", "name: node,", "stages.node restart, stages.input.needs restart, stages.source restart"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.from != "" && !strings.Contains(file, c.from) {
				t.Fatalf("the file does not hold %q", c.from)
			}
			var got []string
			for _, d := range Compare(outline(t, file, nil), outline(t, strings.Replace(file, c.from, c.to, 1), nil)) {
				text := fmt.Sprint(d.Name(), " ", d.Action)
				if d.Redone {
					text += " redone"
				}
				got = append(got, text)
				if strings.Contains(fmt.Sprintf("%+v", d), "hunter") || strings.Contains(fmt.Sprintf("%+v", d), secretMark+"0") {
					t.Errorf("a secret is shown: %+v", d)
				}
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), c.want)
			}
		})
	}
}

// TestCompareVersions checks the differences when plugins are replaced.
func TestCompareVersions(t *testing.T) {
	was := outline(t, file, nil)
	is := outline(t, file, map[string]string{"prover-x": "2.0.0", "reporter-x": "2.0.0"})
	differences := Compare(was, is)
	if len(differences) != 2 || differences[0].String() != "stages.prove.plugin: prover-x 1.0.0 → prover-x 2.0.0" || differences[0].Action != Restart || !differences[0].Redone ||
		differences[1].Action != Plugin || differences[1].Redone {
		t.Errorf("%+v", differences)
	}
	is = outline(t, file, nil)
	is.Stages[2].SHA256, is.Host = "ab", "0.2.0"
	differences = Compare(was, is)
	if len(differences) != 2 || differences[0].Path != "proofline" || differences[1].Redone || differences[1].Note == "" {
		t.Errorf("%+v", differences)
	}
}

// TestSave checks that an outline can be saved and loaded, and that the file has no secret.
func TestSave(t *testing.T) {
	data := t.TempDir()
	if _, err := Load(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a pipeline that never ran: %v", err)
	}
	o := outline(t, file, nil)
	if err := Save(data, o); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(data, "run", "pipeline.json")
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "hunter") || strings.Contains(string(text), o.Stages[0].Config["header"]) {
		t.Errorf("%s, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	back, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := Compare(back, o.Redacted()); len(d) > 0 {
		t.Errorf("what was read differs: %+v", d)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(data); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v", err)
	}
}
