package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/reporter-webhook/cloudevent"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

func decode(t *testing.T, block string) (Config, []sdk.Finding) {
	t.Helper()
	s, err := schema.For[Config]()
	if err != nil {
		t.Fatal(err)
	}
	var config Config
	findings := s.Decode([]byte(block), &config)
	if len(findings) == 0 {
		findings = config.Validate()
	}
	return config, findings
}

func start(t *testing.T, block string) *reporter {
	t.Helper()
	config, findings := decode(t, block)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	r, err := open(t.Context(), config, sdk.Env{Pipeline: "mainnet", Stage: "hook", StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (r *reporter) send(t *testing.T, kind contract.EventKind, stage string) error {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	event, err := sdk.OpenEvent(contract.Event{ID: "e1", Kind: kind, Pipeline: "mainnet", Stage: stage, Time: time.Now(), Dir: dir, Try: 1,
		Block: &contract.Block{ChainID: 1, Number: 24000100}}, slog.New(slog.DiscardHandler), func(sdk.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer event.Close()
	_, err = r.Report(t.Context(), event)
	return err
}

func TestPost(t *testing.T) {
	const secret = "a secret of more than 16 bytes"
	key, err := cloudevent.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	received := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seconds, err := time.ParseDuration(r.Header.Get("webhook-timestamp") + "s")
		if err != nil {
			t.Error(err)
		}
		want := key.Sign(r.Header.Get("webhook-id"), time.Unix(0, 0).Add(seconds), body).Get("webhook-signature")
		if got := r.Header.Get("webhook-signature"); got != want {
			t.Errorf("signature %s, want %s", got, want)
		}
		var event cloudevent.Event
		if err := json.Unmarshal(body, &event); err != nil || event.ID != "e1" || event.Type != "io.github.proofline.block.proved" || event.Source != "/proofline/mainnet" {
			t.Errorf("%s: %v", body, err)
		}
		if r.Header.Get("Content-Type") != cloudevent.ContentType || r.Header.Get("Authorization") != "Bearer t" || r.URL.RawQuery != "token=verysecret" {
			t.Errorf("header %v, query %q", r.Header, r.URL.RawQuery)
		}
		received++
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	r := start(t, `{"url":"`+server.URL+`?token=verysecret","secret":"`+secret+`","headers":{"Authorization":"Bearer t"}}`)
	if err := r.send(t, contract.EventProved, "prove"); err != nil || received != 1 {
		t.Errorf("%v, %d received", err, received)
	}
	if err := r.send(t, contract.EventReporterRejected, "hook"); err != nil || received != 1 {
		t.Errorf("an alert about the stage itself: %v, %d received", err, received)
	}
	if note := r.Note(); !strings.HasPrefix(note, "posts signed events") || strings.Contains(note, "verysecret") {
		t.Errorf("note %q", note)
	}
	server.Close()
	if err := r.send(t, contract.EventProved, "prove"); sdk.ClassOf(err) != sdk.ClassRetryable || strings.Contains(err.Error(), "verysecret") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestFileAndFilter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	r := start(t, `{"file":"`+path+`","events":["proved","failed"]}`)
	for _, kind := range []contract.EventKind{contract.EventQueued, contract.EventProved, contract.EventFailed} {
		if err := r.send(t, kind, "prove"); err != nil {
			t.Error(err)
		}
	}
	content, _ := os.ReadFile(path)
	if lines := strings.Split(strings.TrimSpace(string(content)), "\n"); len(lines) != 2 || !strings.Contains(lines[1], "block.failed") {
		t.Errorf("file holds %s", content)
	}
}

func TestCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seen")
	r := start(t, `{"command":["sh","-c","cat > `+path+`; echo $PROOFLINE_EVENT $PROOFLINE_BLOCK >> `+path+`"]}`)
	if err := r.send(t, contract.EventProved, "prove"); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(path); !strings.HasPrefix(string(content), `{"specversion":"1.0"`) || !strings.HasSuffix(string(content), "\nproved 24000100\n") {
		t.Errorf("the command saw %q", content)
	}
}

func TestIdle(t *testing.T) {
	r := start(t, `{"url":"","file":"","secret":""}`)
	if err := r.send(t, contract.EventProved, "prove"); err != nil || !strings.HasPrefix(r.Note(), "idle") {
		t.Errorf("%v, %q", err, r.Note())
	}
}

func TestConfig(t *testing.T) {
	for block, says := range map[string]string{
		`{"url":"https://a.test/verysecret","file":"/tmp/x"}`:              "file and url are set together",
		`{"url":"https://a.test","secret":"verysecret"}`:                   "want at least 16",
		`{"file":"/tmp/x","secret":"a very long verysecret"}`:              "only requests to a URL are signed",
		`{"file":"/tmp/x","headers":{"A":"verysecret"}}`:                   "only requests to a URL have headers",
		`{"url":"https://a.test","headers":{"bad name":"verysecret"}}`:     "is no name of a header",
		`{"url":"wss://a.test/verysecret"}`:                                "neither http nor https",
		`{"command":"notify"}`:                                             "want a list",
		`{"url":"https://a.test","headers":{"A":"x"},"events":["proven"]}`: "proven",
	} {
		_, findings := decode(t, block)
		if len(findings) != 1 || !strings.Contains(findings[0].String(), says) || strings.Contains(findings[0].String(), "verysecret") {
			t.Errorf("%s: %v, want %q", block, findings, says)
		}
	}
}

func TestCheck(t *testing.T) {
	for block, says := range map[string]string{
		`{}`:                               "idle",
		`{"file":"/nonexistent/x"}`:        "there is no directory /nonexistent",
		`{"command":["/nonexistent/run"]}`: "/nonexistent/run",
		`{"url":"https://a.test"}`:         "not signed",
	} {
		config, _ := decode(t, block)
		if findings := config.Check(t.Context()); len(findings) != 1 || !strings.Contains(findings[0].String(), says) {
			t.Errorf("%s: %v, want %q", block, findings, says)
		}
	}
}

// TestEventsCanBeChosen compares the kinds that the host is asked for with those
// that the configuration can name.
func TestEventsCanBeChosen(t *testing.T) {
	manifest := plugin().Manifest()
	for _, kind := range manifest.Events {
		if _, findings := decode(t, `{"events":["`+string(kind)+`"]}`); len(findings) > 0 {
			t.Errorf("%s: %v", kind, findings)
		}
	}
	var described struct {
		Properties struct {
			Events struct {
				Items struct{ Enum []contract.EventKind }
			}
		}
	}
	if err := json.Unmarshal(manifest.Schema, &described); err != nil {
		t.Fatal(err)
	}
	for _, kind := range described.Properties.Events.Items.Enum { // the empty one is an unset variable
		if kind != "" && !slices.Contains(manifest.Events, kind) {
			t.Errorf("the schema names %s, which the host is not asked for", kind)
		}
	}
}
