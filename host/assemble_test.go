package host

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// TestSelectionOfAReplay checks that drop_after does not apply to a source that replays old
// blocks, and applies to any other source.
func TestSelectionOfAReplay(t *testing.T) {
	for _, c := range []struct {
		capabilities []string
		want         time.Duration
	}{{nil, time.Hour}, {[]string{contract.CapabilityReplay}, 0}} {
		file := &pipeline.Pipeline{Select: selection.Selection{Targets: contract.Selection{Every: 5}, DropAfter: time.Hour, Repair: 7}}
		h := &host{Options: Options{Pipeline: file}, stages: []*stage{
			{binary: catalog.Binary{Manifest: contract.Manifest{Kind: contract.KindSource, Capabilities: c.capabilities}}},
			{binary: catalog.Binary{Manifest: contract.Manifest{Kind: contract.KindBuilder}}},
		}}
		if got := h.selection(h.Pipeline); got.DropAfter != c.want || got.Targets.Every != 5 || got.Repair != 7 {
			t.Errorf("with %v: %+v", c.capabilities, got)
		}
		if file.Select.DropAfter != time.Hour {
			t.Error("the file was changed")
		}
	}
}

// TestVerifies checks that proofs are verified when the plugin can do it, unless the file
// turns that off.
func TestVerifies(t *testing.T) {
	for _, c := range []struct {
		can    bool
		asked  *bool
		want   bool
		failed string
	}{
		{true, nil, true, ""}, {false, nil, false, ""}, {true, new(true), true, ""}, {true, new(false), false, ""}, {false, new(false), false, ""},
		{false, new(true), false, "stage prove: verify is true, but prover-x cannot verify its proofs"},
	} {
		s := &stage{config: pipeline.Stage{Name: "prove", Plugin: "prover-x", Verify: c.asked}}
		if c.can {
			s.binary.Manifest.Capabilities = []string{contract.CapabilityVerify}
		}
		got, err := verifies(s)
		if got != c.want || (err == nil) != (c.failed == "") || err != nil && err.Error() != c.failed {
			t.Errorf("can %v, asked %v: %v, %v", c.can, c.asked, got, err)
		}
	}
}

// TestFingerprint checks that plugin, version and configuration change a fingerprint, and
// that a secret does not.
func TestFingerprint(t *testing.T) {
	m := contract.Manifest{Name: "prover-x", Version: "1.0.0", Schema: json.RawMessage(`{"properties":{"token":{"writeOnly":true}}}`)}
	next, other := m, m
	next.Version, other.Name = "1.0.1", "prover-y"
	base := fingerprint(m, json.RawMessage(`{"elf":"a","token":"one"}`))
	if same := fingerprint(m, json.RawMessage(`{"elf":"a","token":"two"}`)); same != base || len(base) != 32 {
		t.Errorf("%q and %q differ by a secret only", base, same)
	}
	for what, got := range map[string]string{
		"configuration": fingerprint(m, json.RawMessage(`{"elf":"b","token":"one"}`)),
		"version":       fingerprint(next, json.RawMessage(`{"elf":"a","token":"one"}`)),
		"plugin":        fingerprint(other, json.RawMessage(`{"elf":"a","token":"one"}`)),
	} {
		if got == base {
			t.Errorf("another %s has the same fingerprint", what)
		}
	}
}

// TestClosers checks that functions are called once, in reverse order, and that every error
// is returned.
func TestClosers(t *testing.T) {
	var c closers
	var ended []string
	for _, name := range []string{"a", "b", "c"} {
		c.add(func() error {
			ended = append(ended, name)
			if name == "b" {
				return nil
			}
			return errors.New(name + " will not end")
		})
	}
	err := c.close()
	if !slices.Equal(ended, []string{"c", "b", "a"}) || err == nil || !strings.Contains(err.Error(), "a will not end") || !strings.Contains(err.Error(), "c will not end") {
		t.Errorf("ended %v: %v", ended, err)
	}
	if err := c.close(); err != nil || len(ended) != 3 {
		t.Errorf("closed twice: %v, %v", ended, err)
	}
}
