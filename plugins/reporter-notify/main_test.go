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
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/reporter-notify/chat"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

// channel is a Slack webhook: it answers as Slack does and keeps the messages.
type channel struct {
	*httptest.Server
	mu       sync.Mutex
	messages []chat.SlackMessage
	status   int
	body     string
}

const path = "/services/T00/B00/verysecret"

func newChannel(t *testing.T) *channel {
	c := &channel{status: 200, body: "ok"}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		content, _ := io.ReadAll(r.Body)
		var m chat.SlackMessage
		switch {
		case r.URL.Path != path:
			w.WriteHeader(404)
			_, _ = w.Write([]byte("no_service"))
			return
		case c.status != 200:
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
			return
		case r.Header.Get("Content-Type") != "application/json", json.Unmarshal(content, &m) != nil, m.Text == "":
			w.WriteHeader(400)
			_, _ = w.Write([]byte("invalid_payload"))
			return
		}
		c.messages = append(c.messages, m)
		_, _ = w.Write([]byte("ok"))
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *channel) answer(status int, body string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.body = status, body
}

func (c *channel) texts() (texts []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.messages {
		texts = append(texts, m.Text)
	}
	return texts
}

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
	r, err := open(t.Context(), config, sdk.Env{Pipeline: "mainnet", Stage: "slack", StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reporter) send(t *testing.T, id string, kind contract.EventKind, stage, reason string) error {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	event, err := sdk.OpenEvent(contract.Event{ID: id, Kind: kind, Pipeline: "mainnet", Stage: stage, Time: time.Now(), Dir: dir, Try: 1,
		Block: &contract.Block{ChainID: 1, Number: 24000100}, Facts: map[string]string{contract.FactReason: reason}},
		slog.New(slog.DiscardHandler), func(sdk.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer event.Close()
	_, err = r.Report(t.Context(), event)
	return err
}

func TestMessagesAndDigest(t *testing.T) {
	c := newChannel(t)
	r := start(t, `{"url":"`+c.URL+path+`"}`)
	for _, e := range []struct {
		id     string
		kind   contract.EventKind
		stage  string
		reason string
	}{
		{"1", contract.EventFailed, "prove", "out of memory"},
		{"2", contract.EventFailed, "prove", "out of memory"},
		{"3", contract.EventQueued, "prove", ""},                         // not among the default events
		{"4", contract.EventReporterRejected, "slack", "invalid_blocks"}, // about this very stage
		{"5", contract.EventProved, "prove", ""},                         // not yet accepted
		{"6", contract.EventAccepted, "prove", ""},
	} {
		if err := r.send(t, e.id, e.kind, e.stage, e.reason); err != nil {
			t.Errorf("%s: %v", e.kind, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	got := c.texts()
	want := []string{":x: Block 24000100 failed in prove: out of memory", ":white_check_mark: Block 24000100: proof accepted", "1 more events since "}
	if len(got) != len(want) {
		t.Fatalf("messages %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("message %d: %q, want %q", i, got[i], want[i])
		}
	}
}

func TestAnswersOfSlack(t *testing.T) {
	c := newChannel(t)
	r := start(t, `{"url":"`+c.URL+path+`"}`)
	defer r.Close()
	for _, a := range []struct {
		status int
		body   string
		class  sdk.Class
	}{
		{400, "invalid_blocks", sdk.ClassPermanent}, {403, "action_prohibited", sdk.ClassEnvironment}, {404, "no_service", sdk.ClassEnvironment},
		{410, "channel_is_archived", sdk.ClassEnvironment}, {429, "rate_limited", sdk.ClassRetryable}, {500, "rollup_error", sdk.ClassRetryable},
	} {
		c.answer(a.status, a.body)
		err := r.send(t, "1", contract.EventFailed, "prove", "x")
		if sdk.ClassOf(err) != a.class || !strings.Contains(err.Error(), a.body) || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%d: %v, want %s", a.status, err, a.class)
		}
	}
	c.answer(200, "ok")
	if err := r.send(t, "1", contract.EventFailed, "prove", "x"); err != nil || len(c.texts()) != 1 {
		t.Errorf("after all that: %v, %q", err, c.texts())
	}
}

func TestIdle(t *testing.T) {
	r := start(t, `{"url":""}`)
	defer r.Close()
	if err := r.send(t, "1", contract.EventFailed, "prove", "x"); err != nil || !strings.HasPrefix(r.Note(), "idle") {
		t.Errorf("%v, %q", err, r.Note())
	}
}

func TestConfig(t *testing.T) {
	for block, says := range map[string]string{
		`{"url":"hooks.slack.com/services/verysecret"}`:                 "not shown",
		`{"url":"http://hooks.slack.com/services/verysecret"}`:          "no https URL",
		`{"events":["failed","blew_up"]}`:                               "blew_up",
		`{"per_minute":0}`:                                              "minimum of 1",
		`{"webhook":"https://hooks.slack.com/services/T/B/verysecret"}`: "unknown field",
		`{"to":"slack","token":"verysecret"}`:                           "a receiver of the kind slack has no token",
		`{"to":"telegram","token":"1:verysecret"}`:                      "not the chat",
		`{"to":"telegram","token":"1:very\nsecret","chat":"1"}`:         "line feed",
		`{"to":"pagerduty","token":"verysecret","events":["accepted"]}`: "accepted is not a failure",
		`{"to":"matrix"}`: "matrix",
	} {
		_, findings := decode(t, block)
		if len(findings) != 1 || !strings.Contains(findings[0].String(), says) || strings.Contains(findings[0].String(), "verysecret") {
			t.Errorf("%s: %v, want %q", block, findings, says)
		}
	}
	if _, findings := decode(t, `{"url":"","label":""}`); len(findings) > 0 {
		t.Errorf("unset variables: %v", findings)
	}
}

func TestCheck(t *testing.T) {
	c := newChannel(t)
	for url, want := range map[string]string{
		"":                                 "idle",
		c.URL + path:                       "answers",
		c.URL + "/services/T0/gone":        "error: config/url: the webhook is refused",
		"http://127.0.0.1:1/services/none": "warning: config/url: the webhook cannot be asked",
	} {
		config, _ := decode(t, `{"url":"`+url+`"}`)
		findings := config.Check(t.Context())
		if len(findings) != 1 || !strings.Contains(findings[0].String(), want) || strings.Contains(findings[0].String(), "/services") {
			t.Errorf("%s: %v, want %q", url, findings, want)
		}
	}
	if texts := c.texts(); len(texts) != 0 {
		t.Errorf("the check wrote to the channel: %q", texts)
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
