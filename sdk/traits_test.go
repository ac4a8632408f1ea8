package sdk_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// TestTraits: what follows from the configuration is told to Check, offline too,
// and to Configure, which adds what the opened plugin knows.
func TestTraits(t *testing.T) {
	h := start(t)
	check := func(config string, offline bool) contract.Assessment {
		r, err := h.base.Check(t.Context(), &pluginv1.CheckRequest{ConfigJson: []byte(config), Offline: offline})
		if err != nil {
			t.Fatal(err)
		}
		return wire.AssessmentFromProto(r)
	}
	requires := map[string][]string{"input.format": {"g3", "g4"}}
	for _, offline := range []bool{true, false} {
		for config, makesProof := range map[string]bool{
			`{"key":"k","token":"hunter2hunter2"}`:               true,
			`{"key":"k","token":"hunter2hunter2","gate":"true"}`: false,
			`{"key":"k","token":"guest"}`:                        true, // a secret that is a part of a fact leaves it as it is
		} {
			want := &contract.Traits{MakesProof: makesProof, Requires: requires,
				Provides: map[string]string{"guest": "guest-k"}}
			if diff := cmp.Diff(want, check(config, offline).Traits); diff != "" {
				t.Errorf("check of %s, offline %t: %s", config, offline, diff)
			}
		}
	}
	if a := check(`{"key":"bad"}`, true); a.Traits != nil || !a.HasError() {
		t.Errorf("traits of a configuration with an error: %+v", a)
	}
	traits, _ := wire.TraitsFromProto(h.configure(t, `{"key":"k","gate":true}`))
	want := contract.Traits{Note: "a test", Requires: requires,
		Provides: map[string]string{"guest": "guest-k", "zisk.version": "0.16.1", "state": "state"}}
	if diff := cmp.Diff(want, traits); diff != "" {
		t.Errorf("configure: %s", diff)
	}
}

// TestTraitsByHand: validate and check print the traits too.
func TestTraitsByHand(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "good.json", `{"key":"k"}`)
	for _, command := range []string{"validate", "check"} {
		out, errOut, code := tool(t, dir, command, "--json", "-f", "good.json")
		var a contract.Assessment
		if err := json.Unmarshal([]byte(out), &a); err != nil || code != 0 || a.Findings == nil || a.Traits == nil ||
			!a.Traits.MakesProof || a.Traits.Provides["guest"] != "guest-k" {
			t.Errorf("%s: %+v, %v: %s%s", command, a, err, out, errOut)
		}
		out, _, _ = tool(t, dir, command, "-f", "good.json")
		const want = "provides: guest = guest-k\nrequires: input.format = g3 or g4\n"
		if !strings.HasSuffix(out, want) {
			t.Errorf("%s prints %q, want %q at the end", command, out, want)
		}
	}
}

type misplaced struct{}

func (*misplaced) Prove(context.Context, *sdk.Task) (*sdk.Result, error) { return nil, nil }
func (*misplaced) MakesProof() bool                                      { return false }

// TestMisplacedGate: a method that is never asked is no way to make a gate.
func TestMisplacedGate(t *testing.T) {
	defer func() {
		const want = "it belongs to the config type struct {}"
		if r, _ := recover().(string); !strings.Contains(r, want) {
			t.Errorf("panic %q, want %q", r, want)
		}
	}()
	sdk.NewProver("prover-misplaced", "1.0.0", func(context.Context, struct{}, sdk.Env) (*misplaced, error) { return nil, nil })
}
