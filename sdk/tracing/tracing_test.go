package tracing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWanted: traces are off unless the variables of the OTLP exporter ask for them.
func TestWanted(t *testing.T) {
	for _, c := range []struct {
		env  string
		want bool
	}{
		{"", false},
		{"OTEL_SERVICE_NAME=x", false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://h", true},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://h", true},
		{"OTEL_TRACES_EXPORTER=otlp", true},
		{"OTEL_TRACES_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://h", false},
		{"OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_ENDPOINT=http://h", false},
	} {
		t.Run(c.env, func(t *testing.T) {
			for pair := range strings.FieldsSeq(c.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			if wanted() != c.want {
				t.Errorf("wanted: %v", !c.want)
			}
		})
	}
}

func TestProtocolThatIsNotKnown(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	if _, err := Start(t.Context(), "x", "1"); err == nil || !strings.Contains(err.Error(), "http/protobuf or grpc") || On() {
		t.Errorf("%v", err)
	}
}

// TestNothingSecretIsExported: neither the path and query of a request nor the text
// of an error leave the process, and requests without a block are not told of.
func TestNothingSecretIsExported(t *testing.T) {
	var mu sync.Mutex
	var exported bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&exported, r.Body)
	}))
	defer collector.Close()
	node := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer node.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	stop, err := Start(t.Context(), "source-test", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: Transport(http.DefaultTransport)}
	get := func(ctx context.Context, url string) {
		request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			response.Body.Close()
		}
	}
	ctx := OfJob(t.Context(), "mainnet", "1-5-aabbccdd")
	get(ctx, node.URL+"/v3/s3cretKey?apikey=s3cretQuery")
	get(ctx, "http://user:s3cretPassword@127.0.0.1:1/") // refused
	get(t.Context(), strings.Replace(node.URL, "127.0.0.1", "localhost", 1))
	_, end := Span(ctx, "run cargo-zisk")
	end(errors.New("s3cretError"))
	Root("mainnet", "1-5-aabbccdd", "block", time.Now(), time.Now())
	client.CloseIdleConnections()
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	text := exported.String()
	if strings.Contains(text, "s3cret") {
		t.Errorf("a secret is exported: %q", text)
	}
	for _, want := range []string{"GET 127.0.0.1", "run cargo-zisk", "source-test"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing tells of %s: %q", want, text)
		}
	}
	if strings.Contains(text, "localhost") {
		t.Error("a request of no block is told of")
	}
	if On() {
		t.Error("it goes on after its end")
	}
}

// TestLogHandler: lines about a job name its trace, wherever the job is named.
func TestLogHandler(t *testing.T) {
	on.Store(true)
	defer on.Store(false)
	var out bytes.Buffer
	log := slog.New(LogHandler("mainnet", slog.NewTextHandler(&out, nil)))
	id := "trace_id=" + traceID("mainnet", "1-5-aabbccdd")
	log.Info("a", "job", "1-5-aabbccdd")
	log.With("job", "1-5-aabbccdd").Info("b", "x", 1)
	log.Info("c")
	log.WithGroup("g").Info("d", "job", "1-5-aabbccdd")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range []bool{true, true, false, false} {
		if strings.Contains(lines[i], id) != want {
			t.Errorf("%s", lines[i])
		}
	}
	if traceID("mainnet", "1-5-aabbccdd") == traceID("next", "1-5-aabbccdd") {
		t.Error("two pipelines share a trace")
	}
}
