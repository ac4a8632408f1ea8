package pipeline

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/proofline/proofline/sdk/contract"
)

// FuzzLoad: no text makes Parse or Bind panic or loop, every finding lies in
// the file, a pipeline without errors has usable stages, and the content of a
// variable is in no finding.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	presets, _ := filepath.Glob("presets/*.yaml")
	for _, file := range append(append(files, presets...), "../../pipeline.yaml") {
		if text, err := os.ReadFile(file); err == nil {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, findings := Parse("pipeline.yaml", text, lookup)
		if p == nil && !findings.Failed() {
			t.Fatal("no pipeline and no error")
		}
		if p != nil {
			findings = append(findings, Bind(p, find)...)
			findings = append(findings, p.CheckTraits(traitsOf(p))...)
		}
		lines := bytes.Split(text, []byte("\n"))
		for _, finding := range findings {
			if finding.Summary == "" || finding.Severity == "" {
				t.Errorf("an empty finding: %+v", finding)
			}
			if strings.Contains(finding.String(), environment["SECRET"]) && !bytes.Contains(text, []byte(environment["SECRET"])) {
				t.Errorf("a finding prints the content of a variable: %s", finding)
			}
			// The YAML library also breaks lines at CR, NEL, LS and PS.
			if finding.Line > len(lines) && !bytes.ContainsAny(text, "\r\u0085\u2028\u2029") {
				t.Errorf("%s: the file has %d lines", finding, len(lines))
			}
			if finding.Line == 0 && finding.Column != 0 || finding.Line < 0 || finding.Column < 0 {
				t.Errorf("%s: half a position", finding)
			}
		}
		if p == nil || findings.Failed() {
			return
		}
		if p.Name == "" || len(p.Stages) == 0 || !filepath.IsAbs(p.Data) || !filepath.IsAbs(p.Output) {
			t.Errorf("accepted: %+v", p)
		}
		for _, s := range p.Stages {
			if s.Kind == "" || s.Timeout <= 0 || s.Concurrency < 1 || !json.Valid(s.Config) {
				t.Errorf("accepted: %+v", s)
			}
			for _, name := range append(s.Needs, s.Confirm...) {
				other := p.Stage(name)
				if other == nil || !other.Working() || other.Shadow && !s.Shadow || p.waitsFor(other, s.Name) {
					t.Errorf("accepted: %s needs %s: %+v", s.Name, name, other)
				}
			}
			if _, given := s.places["/needs"]; s.Working() && s.Kind != contract.KindSource && len(s.Needs) == 0 {
				t.Errorf("accepted: %s needs nothing (given: %v)", s.Name, given)
			}
		}
	})
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"", "${SEVEN}", "a${SEVEN}b${EMPTY:-c}", "$${SEVEN}", "$$${SEVEN}", "${", "${SEVEN", "${1X}", "${X:-${Y}}", "}{$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, replaced, problems := expand(text, lookup)
		if !strings.Contains(text, "${") && (got != text || replaced || problems != nil) {
			t.Errorf("expand(%q) = %q, %v, %v", text, got, replaced, problems)
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("expand(%q) broke the text: %q", text, got)
		}
	})
}
