package e2e

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes traces as OTLP over HTTP (opentelemetry.io/docs/specs/otlp: POST
// /v1/traces with an ExportTraceServiceRequest, in the types of
// go.opentelemetry.io/proto/otlp) and keeps them in memory.
type collector struct {
	URL   string
	mu    sync.Mutex
	spans []span
}

type span struct{ service, name, trace, id, parent string }

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collectortrace.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("the collector gets %s: %v", r.URL.Path, err)
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range request.GetResourceSpans() {
			service := ""
			for _, a := range resource.GetResource().GetAttributes() {
				if a.GetKey() == "service.name" {
					service = a.GetValue().GetStringValue()
				}
			}
			for _, scope := range resource.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					c.spans = append(c.spans, span{service, s.GetName(), hex.EncodeToString(s.GetTraceId()), hex.EncodeToString(s.GetSpanId()), hex.EncodeToString(s.GetParentSpanId())})
				}
			}
		}
		answer, _ := proto.Marshal(&collectortrace.ExportTraceServiceResponse{})
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Write(answer)
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// check checks that there is one trace with one root and no orphan, and that it has all
// given spans. A span is given by service and name, with its parent before a slash.
func (c *collector) check(t *testing.T, wants ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]span{}
	var roots, list []string
	for _, s := range c.spans {
		if _, twice := byID[s.id]; twice {
			t.Errorf("two spans have the id %s: %+v", s.id, s)
		}
		byID[s.id] = s
	}
	for _, s := range c.spans {
		if s.trace != c.spans[0].trace {
			t.Errorf("more than one trace: %+v", s)
		}
		path := s.service + " " + s.name
		list = append(list, path)
		if s.parent == "" {
			roots = append(roots, path)
		} else if _, known := byID[s.parent]; !known {
			t.Errorf("an orphan: %+v", s)
		}
	}
	slices.Sort(list)
	if !slices.Equal(roots, []string{"proofline block"}) {
		t.Errorf("roots %q, want one", roots)
	}
	for _, want := range wants {
		if !slices.ContainsFunc(list, func(have string) bool { return strings.HasPrefix(have, want) }) {
			t.Errorf("no span %q", want)
		}
	}
	if t.Failed() {
		t.Logf("spans:\n%s", strings.Join(list, "\n"))
	}
}
