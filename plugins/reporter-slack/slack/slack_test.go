package slack

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/sdk/contract"
)

var at = time.Date(2026, 11, 22, 12, 0, 13, 0, time.UTC)

var sender = Sender{Label: "rack 4", Version: "0.1.0", Machine: Machine{GPU: "8 × NVIDIA GeForce RTX 5090", CPU: "64 × AMD EPYC 9555", RAM: "755 GiB"}}

func block() *contract.Block {
	return &contract.Block{ChainID: 1, Number: 24000100, Hash: contract.Hash{0xab, 0xcd, 0xef, 0x01}, GasUsed: 20000100, TxCount: 312}
}

// TestMessages compares whole messages with testdata; UPDATE_GOLDEN=1 rewrites it.
func TestMessages(t *testing.T) {
	for name, event := range map[string]contract.Event{
		"proved": {Kind: contract.EventProved, Pipeline: "mainnet", Stage: "prove", Time: at, Block: block(),
			Facts: map[string]string{contract.FactProvingTimeMS: "8123", contract.FactCycles: "123456789"}},
		"accepted": {Kind: contract.EventAccepted, Pipeline: "mainnet", Stage: "prove", Time: at, Block: block(),
			Facts: map[string]string{contract.FactProvingTimeMS: "8123", contract.FactCycles: "123456789", "zisk_version": "0.16.1", "cluster_version": "12",
				"proof_id": "84213", contract.FactOutcome: contract.OutcomeAccepted, contract.FactReporter: "ethproofs"}},
		"failed": {Kind: contract.EventFailed, Pipeline: "mainnet", Stage: "prove", Time: at, Block: block(),
			Facts: map[string]string{contract.FactReason: "out of memory", contract.FactError: "cargo-zisk ended with exit code 137: out of memory <GPU 0> & more",
				contract.FactClass: "retryable", contract.FactAttempts: "3"}},
		"node_down": {Kind: contract.EventNodeDown, Pipeline: "mainnet", Stage: "source", Time: at,
			Facts: map[string]string{contract.FactReason: "http://node:8545: connection refused"}},
		"node_recovered": {Kind: contract.EventNodeRecovered, Pipeline: "mainnet", Stage: "source", Time: at,
			Facts: map[string]string{contract.FactReason: "down for 5m12s"}},
		"prover_stuck": {Kind: contract.EventProverStuck, Pipeline: "mainnet", Stage: "prove", Time: at, Block: block(),
			Facts: map[string]string{contract.FactReason: "busy for 1h0m0s"}},
		"reporter_rejected": {Kind: contract.EventReporterRejected, Pipeline: "mainnet", Stage: "ethproofs", Time: at, Block: block(),
			Facts: map[string]string{contract.FactReason: "conflict"}},
	} {
		got, err := json.MarshalIndent(sender.Compose(event), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".json")
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// FuzzCompose checks Slack's limits for whatever a tool writes into its errors.
func FuzzCompose(f *testing.F) {
	f.Add("failed", "prove", "out of memory", "```<!channel>&", "8123")
	f.Add("proved", strings.Repeat("s", 500), "", strings.Repeat("é", 9000), "x")
	f.Add("accepted", "prove", "", "", "8123")
	f.Add("unheard_of", "", "\xff\xfe", "", "")
	f.Fuzz(func(t *testing.T, kind, stage, reason, full, figure string) {
		event := contract.Event{Kind: contract.EventKind(kind), Pipeline: stage, Stage: stage, Block: block(),
			Facts: map[string]string{contract.FactReason: reason, contract.FactError: full, contract.FactProvingTimeMS: figure, contract.FactCycles: figure,
				contract.FactReporter: stage, "zisk_version": full, "proof_id": figure}}
		checkLimits(t, sender.Compose(event))
		checkLimits(t, sender.Digest(stage, []LeftOut{{What: reason, Count: 3}, {What: full, Count: 1}}, at))
	})
}

func checkLimits(t *testing.T, m Message) {
	t.Helper()
	within := func(what, text string, limit int) {
		if n := utf8.RuneCountInString(text); n == 0 || n > limit {
			t.Errorf("%s has %d characters, Slack takes 1 to %d", what, n, limit)
		}
		if what != "header" && strings.Contains(text, "<!") {
			t.Errorf("%s calls people: %q", what, text)
		}
	}
	within("text", m.Text, 40_000)
	for _, b := range m.Blocks {
		switch b.Type {
		case "header":
			within("header", b.Text.Text, 150)
		case "section":
			if len(b.Fields) > 10 || b.Text == nil && len(b.Fields) == 0 {
				t.Errorf("section with %d fields", len(b.Fields))
			}
			for _, field := range b.Fields {
				within("field", field.Text, 2000)
			}
			if b.Text != nil {
				within("section", b.Text.Text, 3000)
			}
		case "context":
			within("context", b.Elements[0].Text, 2000)
		default:
			t.Errorf("block type %q", b.Type)
		}
	}
}

func TestFigures(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "20000100": "20,000,100", "many": "many", "": ""} {
		if got := thousands(text); got != want {
			t.Errorf("thousands(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"8123": "8.12 s", "1": "0.00 s", "59999": "60.00 s", "61500": "1m2s", "soon": "soon"} {
		if got := seconds(text); got != want {
			t.Errorf("seconds(%q) = %q, want %q", text, got, want)
		}
	}
	if got := countNames("RTX 5090\nRTX 5090\n\nRTX 4090\n"); got != "2 × RTX 5090, RTX 4090" {
		t.Errorf("countNames: %q", got)
	}
	if got := gibibytes("263856084 kB"); got != "252 GiB" {
		t.Errorf("gibibytes: %q", got)
	}
}

func event(id string, kind contract.EventKind, reason string) contract.Event {
	return contract.Event{ID: id, Kind: kind, Stage: "prove", Facts: map[string]string{contract.FactReason: reason}}
}

func TestAlikeAlertsAreOneMessageAndACount(t *testing.T) {
	throttle := NewThrottle(10, 15*time.Minute)
	now := at
	admit := func(e contract.Event, want bool) {
		t.Helper()
		got := throttle.Admit(e, now)
		if got != want {
			t.Errorf("%s: admitted %t, want %t", e.ID, got, want)
		}
		if got {
			throttle.Sent(e, now)
		}
	}
	admit(event("1", contract.EventFailed, "out of memory"), true)
	admit(event("1", contract.EventFailed, "out of memory"), false) // delivered again by the host: not counted
	for i := range 5 {
		admit(event(fmt.Sprint("again ", i), contract.EventFailed, "out of memory"), false)
	}
	admit(event("2", contract.EventFailed, "another reason"), true)
	admit(event("3", contract.EventProverStuck, "out of memory"), true)
	admit(event("4", contract.EventProved, ""), true)
	admit(event("5", contract.EventProved, ""), true)
	admit(event("4a", contract.EventAccepted, ""), true)
	admit(event("5a", contract.EventAccepted, ""), true)

	if left := throttle.TakeLeftOut(now.Add(14*time.Minute), false); left != nil {
		t.Errorf("a digest before its time: %v", left)
	}
	now = now.Add(15 * time.Minute)
	left := throttle.TakeLeftOut(now, false)
	if len(left) != 1 || left[0].Count != 5 || left[0].What != "failed (prove): out of memory" || !left[0].Since.Equal(at) {
		t.Errorf("left out: %+v", left)
	}
	throttle.GiveBack(left)
	if again := throttle.TakeLeftOut(now, true); len(again) != 1 || again[0] != left[0] {
		t.Errorf("given back: %+v", again)
	}
	admit(event("6", contract.EventFailed, "out of memory"), true) // the window is over
}

func TestRate(t *testing.T) {
	throttle := NewThrottle(10, time.Minute)
	now := at
	admitted := 0
	for i := range 100 {
		e := event(fmt.Sprint(i), contract.EventProved, "")
		if throttle.Admit(e, now) {
			admitted++
			throttle.Sent(e, now)
		}
	}
	if admitted != 10 {
		t.Errorf("%d messages at once, want 10", admitted)
	}
	now = now.Add(time.Minute)
	if left := throttle.TakeLeftOut(now, false); len(left) != 1 || left[0].Count != 90 || left[0].What != "proved" {
		t.Errorf("left out: %+v", left)
	}
}

func TestUndeliveredIsAdmittedAgain(t *testing.T) {
	throttle := NewThrottle(10, time.Hour)
	e := event("1", contract.EventFailed, "x")
	if !throttle.Admit(e, at) || !throttle.Admit(e, at.Add(time.Second)) {
		t.Error("a message that did not arrive must be tried again")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	throttle := NewThrottle(10, time.Second)
	for i := range 10_000 {
		e := event(fmt.Sprint(i), contract.EventFailed, fmt.Sprint(i))
		throttle.Admit(e, at)
		throttle.Sent(e, at.Add(time.Duration(i)*time.Second))
	}
	if len(throttle.seen) > remembered || len(throttle.last) > 2 {
		t.Errorf("%d ids and %d likenesses are remembered", len(throttle.seen), len(throttle.last))
	}
}
