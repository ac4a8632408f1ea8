package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/reporter-notify/cloudevent"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// hand hands an event to the reporter of a webhook.
func (r *reporter) hand(t *testing.T, kind contract.EventKind, stage string) error {
	t.Helper()
	r.env.Stage = "hook"
	return r.send(t, "e1", kind, stage, "")
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
	r := start(t, `{"to":"webhook","url":"`+server.URL+`?token=verysecret","secret":"`+secret+`","headers":{"Authorization":"Bearer t"}}`)
	if err := r.hand(t, contract.EventProved, "prove"); err != nil || received != 1 {
		t.Errorf("%v, %d received", err, received)
	}
	if err := r.hand(t, contract.EventReporterRejected, "hook"); err != nil || received != 1 {
		t.Errorf("an alert about the stage itself: %v, %d received", err, received)
	}
	if note := r.Note(); !strings.HasPrefix(note, "posts signed events") || strings.Contains(note, "verysecret") {
		t.Errorf("note %q", note)
	}
	server.Close()
	if err := r.hand(t, contract.EventProved, "prove"); sdk.ClassOf(err) != sdk.ClassRetryable || strings.Contains(err.Error(), "verysecret") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestFileAndFilter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	r := start(t, `{"file":"`+path+`","events":["proved","failed"]}`)
	for _, kind := range []contract.EventKind{contract.EventQueued, contract.EventProved, contract.EventFailed} {
		if err := r.hand(t, kind, "prove"); err != nil {
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
	if err := r.hand(t, contract.EventProved, "prove"); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(path); !strings.HasPrefix(string(content), `{"specversion":"1.0"`) || !strings.HasSuffix(string(content), "\nproved 24000100\n") {
		t.Errorf("the command saw %q", content)
	}
}

func TestIdleWebhook(t *testing.T) {
	r := start(t, `{"to":"webhook","url":"","file":"","secret":""}`)
	if err := r.hand(t, contract.EventProved, "prove"); err != nil || !strings.HasPrefix(r.Note(), "idle") {
		t.Errorf("%v, %q", err, r.Note())
	}
}

func TestConfigOfAWebhook(t *testing.T) {
	for block, says := range map[string]string{
		`{"to":"webhook","url":"https://a.test/verysecret","file":"/tmp/x"}`: "file and url are set together",
		`{"url":"https://a.test","secret":"verysecret"}`:                     "want at least 16",
		`{"file":"/tmp/x","secret":"a very long verysecret"}`:                "only requests to a URL are signed",
		`{"file":"/tmp/x","headers":{"A":"verysecret"}}`:                     "only requests to a URL have headers",
		`{"url":"https://a.test","headers":{"bad name":"verysecret"}}`:       "is not the name of a header",
		`{"to":"webhook","url":"wss://a.test/verysecret"}`:                   "neither http nor https",
		`{"command":"notify"}`:                                               "want a list",
		`{"url":"https://a.test","headers":{"A":"x"},"events":["proven"]}`:   "proven",
	} {
		_, findings := decode(t, block)
		if len(findings) != 1 || !strings.Contains(findings[0].String(), says) || strings.Contains(findings[0].String(), "verysecret") {
			t.Errorf("%s: %v, want %q", block, findings, says)
		}
	}
}

func TestCheckOfAWebhook(t *testing.T) {
	for block, says := range map[string]string{
		`{"to":"webhook"}`:                        "idle",
		`{"file":"/nonexistent/x"}`:               "there is no directory /nonexistent",
		`{"command":["/nonexistent/run"]}`:        "/nonexistent/run",
		`{"to":"webhook","url":"https://a.test"}`: "not signed",
	} {
		config, _ := decode(t, block)
		if findings := config.Check(t.Context()); len(findings) != 1 || !strings.Contains(findings[0].String(), says) {
			t.Errorf("%s: %v, want %q", block, findings, says)
		}
	}
}

// TestReceivers sends one event to each kind of receiver, at a server that answers
// as the receiver's documentation says.
func TestReceivers(t *testing.T) {
	const token = "123456:verysecret-token"
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+string(body))
		switch {
		case strings.HasSuffix(r.URL.Path, "/sendMessage") && strings.Contains(string(body), `"chat_id":"404"`):
			w.WriteHeader(400)
			_, _ = w.Write([]byte(`{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`))
		case strings.HasPrefix(r.URL.Path, "/bot"):
			_, _ = w.Write([]byte(`{"ok":true,"result":{}}`))
		case strings.HasPrefix(r.URL.Path, "/api/webhooks/"):
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/v2/enqueue":
			w.WriteHeader(http.StatusAccepted)
		case r.URL.Path == "/v2/refused":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"status":"invalid event","errors":["'routing_key' ` + token + ` is invalid"]}`))
		}
	}))
	defer server.Close()
	for _, c := range []struct {
		block string
		kind  contract.EventKind
		want  string    // what arrives
		class sdk.Class // of the error
	}{
		{`{"to":"discord","url":"` + server.URL + `/api/webhooks/1/x"}`, contract.EventFailed, `POST /api/webhooks/1/x {"embeds":[{"title":"❌ Block 24000100 failed in prove"`, ""},
		{`{"to":"telegram","url":"` + server.URL + `","token":"` + token + `\n","chat":"-100"}`, contract.EventFailed, `POST /bot` + token + `/sendMessage {"chat_id":"-100","text":"\u003cb\u003e❌ Block`, ""},
		{`{"to":"telegram","url":"` + server.URL + `","token":"` + token + `","chat":"404"}`, contract.EventFailed, "POST /bot", sdk.ClassEnvironment},
		{`{"to":"pagerduty","url":"` + server.URL + `/v2/enqueue","token":"` + token + `"}`, contract.EventStageDown, `POST /v2/enqueue {"routing_key":"` + token + `","event_action":"trigger"`, ""},
		{`{"to":"pagerduty","url":"` + server.URL + `/v2/enqueue","token":"` + token + `"}`, contract.EventAccepted, "", ""},
		{`{"to":"pagerduty","url":"` + server.URL + `/v2/refused","token":"` + token + `"}`, contract.EventStageDown, "POST /v2/refused", sdk.ClassPermanent},
	} {
		got = nil
		r := start(t, c.block)
		err := r.send(t, "1", c.kind, "prove", "out of memory")
		if c.class == "" && err != nil || c.class != "" && sdk.ClassOf(err) != c.class {
			t.Errorf("%s: %v, want the class %q", c.block, err, c.class)
		}
		if err != nil && strings.Contains(err.Error(), "verysecret") {
			t.Errorf("the error shows the token: %v", err)
		}
		if arrived := strings.Join(got, "\n"); c.want == "" && arrived != "" || !strings.HasPrefix(arrived, c.want) {
			t.Errorf("%s: arrived %.200s, want %s", c.block, arrived, c.want)
		}
		if note := r.Note(); strings.Contains(note, "verysecret") {
			t.Errorf("the note shows the token: %s", note)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for block, want := range map[string]string{
		`{"to":"telegram","url":"` + server.URL + `","token":"` + token + `","chat":"1"}`: "GET /bot" + token + "/getMe ",
		`{"to":"discord","url":"` + server.URL + `/api/webhooks/1/x"}`:                    "GET /api/webhooks/1/x ",
		`{"to":"pagerduty","token":"` + token + `"}`:                                      "",
	} {
		got = nil
		config, _ := decode(t, block)
		findings := config.Check(t.Context())
		if len(findings) != 1 || findings[0].Severity != sdk.SeverityInfo || strings.Join(got, "") != want || strings.Contains(findings[0].String(), "verysecret") {
			t.Errorf("%s: %v after %q", block, findings, got)
		}
	}
}

// TestKinds: what a file says without "to".
func TestKinds(t *testing.T) {
	for block, want := range map[string]string{
		`{}`: "slack", `{"url":"https://hooks.slack.com/services/T/B/x"}`: "slack", `{"url":"https://mattermost.test/hooks/x"}`: "slack",
		`{"url":"https://discord.com/api/webhooks/1/x"}`: "discord", `{"url":"https://ptb.discord.com/api/webhooks/1/x"}`: "discord",
		`{"url":"https://discord.com.evil.test/api/webhooks/1/x"}`: "slack",
		`{"file":"/tmp/x"}`: webhook, `{"command":["x"]}`: webhook, `{"url":"https://a.test","secret":"a long enough secret"}`: webhook,
		`{"to":"webhook","url":"https://hooks.slack.com/services/T/B/x"}`: webhook,
	} {
		if config, _ := decode(t, block); config.kind() != want {
			t.Errorf("%s: %s, want %s", block, config.kind(), want)
		}
	}
}
