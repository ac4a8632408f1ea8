package chat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/plugins/reporter-notify/message"
	"github.com/proofline/proofline/sdk/contract"
)

var at = time.Date(2026, 11, 22, 12, 0, 13, 0, time.UTC)

var sender = message.Sender{Label: "rack 4", Version: "0.1.0", Machine: message.Machine{GPU: "8 × NVIDIA GeForce RTX 5090", CPU: "64 × AMD EPYC 9555", RAM: "755 GiB"}}

func block() *contract.Block {
	return &contract.Block{ChainID: 1, Number: 24000100, Hash: contract.Hash{0xab, 0xcd, 0xef, 0x01}, GasUsed: 20000100, TxCount: 312}
}

var events = map[string]contract.Event{
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
}

var formats = map[string]Format{"slack": Slack{}, "discord": Discord{}, "telegram": Telegram{Chat: "-1001234"}, "pagerduty": PagerDuty{RoutingKey: "0123456789abcdef0123456789abcdef"}}

// TestMessages compares whole bodies with testdata; UPDATE_GOLDEN=1 rewrites it.
func TestMessages(t *testing.T) {
	messages := map[string]message.Message{"digest": sender.Digest("mainnet", []message.LeftOut{
		{What: "failed (prove): out of memory <GPU 0>", Count: 5, Since: at}, {What: "node_down", Count: 1, Since: at}}, at.Add(time.Hour))}
	for name, event := range events {
		messages[name] = sender.Compose(event)
	}
	for kind, format := range formats {
		for name, m := range messages {
			if kind == "pagerduty" && (m.Level == message.Good && !m.Ends || name == "digest") {
				continue // not sent
			}
			body, err := format.Body(m)
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if err := json.Unmarshal(body, &value); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", kind, name+".json")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				text, err := json.MarshalIndent(json.RawMessage(body), "", "  ")
				if err == nil {
					err = os.MkdirAll(filepath.Dir(path), 0o755)
				}
				if err == nil {
					err = os.WriteFile(path, append(text, '\n'), 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want any
			if err := json.Unmarshal(content, &want); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if diff := cmp.Diff(want, value); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", name, kind, diff)
			}
		}
	}
}

// FuzzBodies checks the receivers' limits, as their documentation states them, for
// whatever a tool writes into its errors.
func FuzzBodies(f *testing.F) {
	f.Add("failed", "prove", "out of memory", "```<!channel>&@everyone", "8123")
	f.Add("proved", strings.Repeat("s", 500), "", strings.Repeat("é", 9000), "x")
	f.Add("stage_down", "prove", strings.Repeat("<", 5000), "", "8123")
	f.Add("stage_recovered", strings.Repeat("é", 500), "", "", "8123")
	f.Add("unheard_of", "", "\xff\xfe", "", "")
	f.Fuzz(func(t *testing.T, kind, stage, reason, full, figure string) {
		event := contract.Event{Kind: contract.EventKind(kind), Pipeline: stage, Stage: stage, Block: block(), Time: at,
			Facts: map[string]string{contract.FactReason: reason, contract.FactError: full, contract.FactProvingTimeMS: figure, contract.FactCycles: figure,
				contract.FactReporter: stage, "zisk_version": full, "proof_id": figure, contract.FactGPUs: full}}
		var left []message.LeftOut
		for range 12 {
			left = append(left, message.LeftOut{What: reason + full, Count: 3})
		}
		for _, m := range []message.Message{sender.Compose(event), sender.Digest(stage, left, at)} {
			for name, check := range map[string]func(*testing.T, []byte){"slack": checkSlack, "discord": checkDiscord, "telegram": checkTelegram, "pagerduty": checkPagerDuty} {
				body, err := formats[name].Body(m)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				check(t, body)
			}
		}
	})
}

func within(t *testing.T, what, text string, limit int) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n == 0 || n > limit {
		t.Errorf("%s has %d characters, want 1 to %d", what, n, limit)
	}
}

func checkSlack(t *testing.T, body []byte) {
	t.Helper()
	var m SlackMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	text := func(what, text string, limit int) {
		t.Helper()
		within(t, "slack "+what, text, limit)
		if what != "header" && strings.Contains(text, "<!") {
			t.Errorf("%s calls people: %q", what, text)
		}
	}
	text("text", m.Text, 40_000)
	for _, b := range m.Blocks {
		switch b.Type {
		case "header":
			text("header", b.Text.Text, 150)
		case "section":
			if len(b.Fields) > 10 || b.Text == nil && len(b.Fields) == 0 {
				t.Errorf("section with %d fields", len(b.Fields))
			}
			for _, field := range b.Fields {
				text("field", field.Text, 2000)
			}
			if b.Text != nil {
				text("section", b.Text.Text, 3000)
			}
		case "context":
			text("context", b.Elements[0].Text, 2000)
		default:
			t.Errorf("block type %q", b.Type)
		}
	}
}

func checkDiscord(t *testing.T, body []byte) {
	t.Helper()
	var m discordMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Mentions.Parse == nil || len(m.Mentions.Parse) != 0 {
		t.Errorf("mentions are parsed: %s", body)
	}
	e := m.Embeds[0]
	within(t, "discord title", e.Title, 256)
	within(t, "discord footer", e.Footer.Text, 2048)
	total := utf8.RuneCountInString(e.Title + e.Description + e.Footer.Text)
	if e.Description != "" {
		within(t, "discord description", e.Description, 4096)
	}
	for _, field := range e.Fields {
		within(t, "discord field", field.Name, 256)
		within(t, "discord value", field.Value, 1024)
		total += utf8.RuneCountInString(field.Name + field.Value)
	}
	if total > 6000 || len(e.Fields) > 25 {
		t.Errorf("discord embed of %d characters, %d fields", total, len(e.Fields))
	}
}

func checkTelegram(t *testing.T, body []byte) {
	t.Helper()
	var m telegramMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	plain := m.Text
	for _, tag := range []string{"<b>", "</b>", "<i>", "</i>", "<pre>", "</pre>", `<a href="https://ethproofs.org/blocks/24000100">`, "</a>"} {
		plain = strings.ReplaceAll(plain, tag, "")
	}
	if strings.ContainsAny(plain, "<>") {
		t.Errorf("telegram text with other tags: %q", plain)
	}
	within(t, "telegram text", plain, 4096)
}

func checkPagerDuty(t *testing.T, body []byte) {
	t.Helper()
	var e pagerDutyEvent
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	within(t, "pagerduty dedup_key", e.Dedup, 255)
	if e.Action == "resolve" {
		return
	}
	within(t, "pagerduty summary", e.Payload.Summary, 1024)
	within(t, "pagerduty source", e.Payload.Source, 255)
	if !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity) || e.Action != "trigger" {
		t.Errorf("pagerduty %s %q", e.Action, e.Payload.Severity)
	}
}

// TestPagerDutyResolves: the end of an outage has the dedup_key of its beginning.
func TestPagerDutyResolves(t *testing.T) {
	var down, up pagerDutyEvent
	for kind, into := range map[contract.EventKind]*pagerDutyEvent{contract.EventNodeDown: &down, contract.EventNodeRecovered: &up} {
		body, err := formats["pagerduty"].Body(sender.Compose(contract.Event{Kind: kind, Pipeline: "mainnet", Stage: "source", Time: at}))
		if err == nil {
			err = json.Unmarshal(body, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if down.Action != "trigger" || up.Action != "resolve" || down.Dedup != up.Dedup || up.Payload != nil {
		t.Errorf("down %+v, up %+v", down, up)
	}
}
