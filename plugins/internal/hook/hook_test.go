package hook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk"
)

func TestAnswers(t *testing.T) {
	var status int
	var header map[string]string
	const path = "/services/T0/B0/verysecret"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("Cannot POST " + r.URL.Path + " nor " + r.URL.Query().Get("token") + " with " + r.Header.Get("Authorization")[len("Bearer "):]))
	}))
	defer server.Close()
	poster, err := New(sdk.NewSecret(server.URL+path+"?token=verysecret%20too"), http.Header{"Authorization": {"Bearer verysecret-header"}}, time.Second, "make a new one")
	if err != nil {
		t.Fatal(err)
	}
	defer poster.Close()
	for _, c := range []struct {
		status int
		after  string
		class  sdk.Class // empty for success
		wait   time.Duration
	}{
		{200, "", "", 0}, {202, "", "", 0}, {204, "", "", 0},
		{400, "", sdk.ClassPermanent, 0}, {413, "", sdk.ClassPermanent, 0},
		{302, "", sdk.ClassEnvironment, 0}, {401, "", sdk.ClassEnvironment, 0}, {403, "", sdk.ClassEnvironment, 0},
		{404, "", sdk.ClassEnvironment, 0}, {410, "", sdk.ClassEnvironment, 0},
		{429, "30", sdk.ClassRetryable, 30 * time.Second}, {429, "", sdk.ClassRetryable, 8 * time.Second},
		{503, "120", sdk.ClassRetryable, 2 * time.Minute}, {500, "", sdk.ClassRetryable, 8 * time.Second},
	} {
		status, header = c.status, map[string]string{"Retry-After": c.after, "Location": "http://elsewhere.test/verysecret"}
		err := poster.Post(t.Context(), nil, []byte("{}"), 3)
		if c.class == "" {
			if err != nil {
				t.Errorf("%d: %v", c.status, err)
			}
			continue
		}
		classed, ok := err.(*sdk.Error)
		if !ok || classed.Class != c.class || classed.After != c.wait || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%d: %v (%+v), want %s after %s", c.status, err, classed, c.class, c.wait)
		}
	}
}

func TestPauseInTheBody(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`{"message": "You are being rate limited.", "retry_after": 1.5, "global": false}`:                                 1500 * time.Millisecond,
		`{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 30","parameters":{"retry_after":30}}`: 30 * time.Second,
		`{"retry_after": 1e12}`: time.Hour, `{"retry_after": -5}`: time.Second, `{"retry_after": "soon"}`: time.Second, `rate_limited`: time.Second,
	} {
		if got := bodyPause([]byte(body), time.Second); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestURLWithALineBreak(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	poster, err := New(sdk.NewSecret(server.URL+"/verysecret\n"), nil, time.Second, "")
	if err != nil {
		t.Fatal(err)
	}
	defer poster.Close()
	if err := poster.Post(t.Context(), nil, nil, 1); err != nil {
		t.Error(err)
	}
	if _, err := New(sdk.NewSecret(server.URL+"/very\nsecret"), nil, time.Second, ""); err == nil || !strings.Contains(err.Error(), "line feed") || strings.Contains(err.Error(), "secret\"") {
		t.Errorf("a line break inside: %v", err)
	}
}

func TestBrokenConnections(t *testing.T) {
	poster, err := New(sdk.NewSecret("http://127.0.0.1:1/verysecret"), nil, time.Second, "")
	if err != nil {
		t.Fatal(err)
	}
	err = poster.Post(t.Context(), nil, nil, 1)
	if sdk.ClassOf(err) != sdk.ClassRetryable || strings.Contains(err.Error(), "verysecret") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := poster.Post(ctx, nil, nil, 1); sdk.ClassOf(err) != sdk.ClassInterrupted {
		t.Errorf("cancelled: %v", err)
	}
	for _, bad := range []string{"hooks.slack.com/verysecret", "file:///verysecret", "http://", "%%verysecret"} {
		if _, err := New(sdk.NewSecret(bad), nil, time.Second, ""); err == nil || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
