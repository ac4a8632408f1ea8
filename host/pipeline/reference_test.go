package pipeline

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/sdk/contract"
)

// parsers parse the values of each type, for the defaults and examples of the table.
var parsers = map[Type]func(scalar, Key) *problem{
	TypeNumber:   func(s scalar, k Key) *problem { _, bad := parseNumber(s, k); return bad },
	TypeBlock:    func(s scalar, k Key) *problem { _, bad := parseNumber(s, k); return bad },
	TypeDuration: func(s scalar, k Key) *problem { _, bad := parseDuration(s, k); return bad },
	TypeBoolean:  func(s scalar, k Key) *problem { _, bad := parseBool(s, k); return bad },
	TypeWord:     func(s scalar, k Key) *problem { _, bad := parseWord(s, k); return bad },
	TypeName:     func(s scalar, k Key) *problem { _, bad := parseName(s, k); return bad },
	TypeText:     func(s scalar, k Key) *problem { _, bad := parseText(s, k); return bad },
	TypeDecimal:  func(s scalar, k Key) *problem { _, bad := parseDecimal(s, k); return bad },
	TypeFolder:   func(s scalar, k Key) *problem { _, bad := parseFilled(s, k); return bad },
	TypeAddress:  func(s scalar, k Key) *problem { _, bad := parseListen(s, k); return bad },
}

// TestReferenceIsConsistent: every key has a meaning, its defaults can be parsed, and its
// example in a file has no findings.
func TestReferenceIsConsistent(t *testing.T) {
	known := map[string]bool{}
	Reference().walk("", func(path string, k Key) { known[path] = true })
	Reference().walk("", func(path string, k Key) {
		if k.Meaning == "" || !strings.HasSuffix(k.Meaning, ".") || k.Type == "" {
			t.Errorf("%s: type %q, meaning %q", path, k.Type, k.Meaning)
		}
		defaults := []string{k.Default}
		for _, kind := range contract.Kinds() {
			if k.ByKind != nil && k.ByKind[kind] == "" {
				t.Errorf("%s: no default for a %s", path, kind)
			}
			defaults = append(defaults, k.ByKind[kind])
		}
		for _, text := range defaults {
			if parse := parsers[k.Type]; text != "" && parse == nil {
				t.Errorf("%s: a default of type %s", path, k.Type)
			} else if text != "" {
				if bad := parse(scalar{text: text, tag: "!!str", fromVariable: true}, k); bad != nil {
					t.Errorf("%s: the default %s: %s, %s", path, text, bad.summary, bad.remedy)
				}
			}
		}
		if k.DefaultOf != "" && !known[k.DefaultOf] {
			t.Errorf("%s: its default is that of %s, which is no key", path, k.DefaultOf)
		}
		if k.Type == TypeDuration {
			for _, bound := range []string{k.Min, k.Max} {
				if bad := parsers[TypeDuration](scalar{text: bound, tag: "!!str"}, k); bad != nil {
					t.Errorf("%s: the bound %q: %s, %s", path, bound, bad.summary, bad.remedy)
				}
			}
		}
		if k.Example != "" {
			checkExample(t, path, k.Example)
		}
	})
}

// checkExample reads an example. For a key of a stage, only findings about that key count.
func checkExample(t *testing.T, path, example string) {
	t.Helper()
	text := "version: 1\nname: x\n"
	switch section, _, below := strings.Cut(path, "."); {
	case section == "version" || section == "name":
		return
	case !below && section != "stages":
		text += example + "\nstages: [{name: s, plugin: source-devchain}]\n"
	case section == "stages" && below:
		text += "stages:\n  - name: s\n    plugin: x\n    " + example + "\n"
	case section == "stages":
		text += example + "\n"
	default:
		text += section + ":\n  " + example + "\nstages: [{name: s, plugin: source-devchain}]\n"
	}
	if _, findings := Parse("example.yaml", []byte(text), lookup); len(findings) > 0 {
		t.Errorf("%s: the example\n%s\nis not right: %v", path, text, findings)
	}
}

// TestExplain compares the printed descriptions of some keys with golden files.
func TestExplain(t *testing.T) {
	for asked, golden := range map[string]string{
		"": "file", "stages.retry": "retry", "stages[2].retry": "retry", "retry": "retry", "stages.timeout": "timeout", "timeout": "timeout",
		"select.drop_after": "drop_after", "needs": "needs", "stages.sample": "sample", "keep": "keep", "log.level": "level",
	} {
		k, full, err := Reference().Lookup(asked)
		if err != nil {
			t.Errorf("%q: %v", asked, err)
			continue
		}
		var got bytes.Buffer
		if err := k.Write(&got, full); err != nil {
			t.Fatal(err)
		}
		file := "testdata/explain-" + golden + ".txt"
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%q differs from %s (-want +got):\n%s", asked, file, diff)
		}
	}
	for asked, want := range map[string]string{
		"stages.retri":      `did you mean "stages.retry"?`,
		"retyr.max":         `did you mean "stages.retry.max"?`,
		"stuck_after":       `"stuck_after" is the end of several keys: monitor.stuck_after, stages.stuck_after`,
		"stages.config.elf": "proofline plugins describe PLUGIN",
		"zzzzzzzzzzzzz":     "its keys are version, name, data",
	} {
		if _, _, err := Reference().Lookup(asked); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", asked, err, want)
		}
	}
}
