package sdktest_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
)

func suite(mode string) sdktest.Suite {
	return sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], pluginName+"="+mode, "GORACE=atexit_sleep_ms=0"),
		Config: json.RawMessage(`{"key":"k"}`),
		Slow:   json.RawMessage(`{"key":"k","slow":true}`),
		Inputs: []sdktest.Input{
			{Name: "block.json", Data: bytes.Repeat([]byte("block"), 100)},
			{Name: "input.bin", Data: []byte("input")},
		},
		Grace: 5 * time.Second,
	}
}

var kinds = []string{"source", "builder", "prover", "reporter"}

func TestGoodPlugins(t *testing.T) {
	for _, mode := range kinds {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := suite(mode)
			if mode == "source" {
				s.Inputs = nil
			}
			all(t, s, nil)
		})
	}
}

func TestGoodPluginsInProcess(t *testing.T) {
	for _, mode := range kinds {
		t.Run(mode, func(t *testing.T) {
			s := suite(mode)
			s.Target = sdktest.InProcess(plugin(mode))
			if mode == "source" {
				s.Inputs = nil
			}
			if mode != "reporter" {
				s.Slow = nil // it would run the test binary's tool
			}
			all(t, s, []string{"tool/", "handshake/", "cancel/", "kill/", "signal/", "shutdown/"})
		})
	}
}

// all demands that every check passes, and runs unless it may be skipped.
func all(t *testing.T, s sdktest.Suite, maySkip []string) {
	t.Helper()
	ran := 0
	err := s.Run(t.Context(), func(o sdktest.Outcome) {
		if o.Err != nil {
			t.Errorf("%s: %v", o.Check, o.Err)
		}
		// These depend on the kind of plugin.
		allowed := append([]string{"work/no-input", "work/changed-input"}, maySkip...)
		if o.Skipped != "" && !slices.ContainsFunc(allowed, func(prefix string) bool { return strings.HasPrefix(o.Check, prefix) }) {
			t.Errorf("%s was skipped: %s", o.Check, o.Skipped)
		}
		if o.Skipped == "" {
			ran++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d checks", ran)
}

// TestFaults: there is a bad plugin for every check, and its fault is found by that
// check and by no other. Without PROOFLINE_LONG the others are not made.
func TestFaults(t *testing.T) {
	for _, kind := range contract.Kinds() {
		for _, check := range sdktest.Names(kind) {
			if _, ok := faults[check]; !ok {
				t.Errorf("there is no bad plugin for %s", check)
			}
		}
	}
	for name, f := range faults {
		check, _, _ := strings.Cut(name, " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := suite("bad:" + name)
			s.Grace = 3 * time.Second
			kind := cmp.Or(contract.Kind(f.kind), contract.KindBuilder)
			if kind == contract.KindSource {
				s.Inputs = nil
			}
			for _, name := range sdktest.Names(kind) {
				if name != check && name != "work/again" && (f.spreads || os.Getenv("PROOFLINE_LONG") == "") { // that one learns what is stable
					s.Skip = append(s.Skip, name)
				}
			}
			ran := 0
			if err := s.Run(t.Context(), func(o sdktest.Outcome) {
				if o.Skipped == "" {
					ran++
				}
				switch {
				case o.Check == check && (o.Err == nil || !strings.Contains(o.Err.Error(), f.text)):
					t.Errorf("the outcome of %s is %+v, want an error with %q", check, o, f.text)
				case o.Check != check && o.Err != nil && !f.spreads:
					t.Errorf("%s finds something too: %v", o.Check, o.Err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d checks ran", ran)
		})
	}
}

func TestSuiteErrors(t *testing.T) {
	s := suite("builder")
	s.Skip = []string{"no/such-check"}
	if err := s.Run(t.Context(), func(sdktest.Outcome) {}); err == nil || !strings.Contains(err.Error(), "no/such-check") {
		t.Errorf("unknown check: %v", err)
	}
	s = sdktest.Suite{Target: sdktest.Binary("/no/such/plugin")}
	if err := s.Run(t.Context(), func(sdktest.Outcome) {}); err == nil {
		t.Error("a plugin that does not exist has passed")
	}
	s = sdktest.Suite{Target: sdktest.Binary("/bin/echo")}
	const want = "first line of standard output"
	if err := s.Run(t.Context(), func(sdktest.Outcome) {}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a program that is no plugin: %v", err)
	}
	for _, name := range sdktest.Names(contract.KindSource) {
		if sdktest.Demands(name) == "" {
			t.Errorf("check %s demands nothing", name)
		}
	}
}
