package monitor

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/proofline/proofline/host/live"
)

// followed returns a configuration whose model runs over the scene until the test ends.
func followed(t *testing.T, s *scene) Config {
	t.Helper()
	c := s.config(&live.Log{})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Model.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	for began := time.Now(); len(c.Model.Overview().Stages) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("the model sees nothing")
		}
	}
	return c
}

// paths returns the paths of the API with their parameters filled in.
func paths(c Config) (list []string) {
	a := &api{Config: c, health: &health{}, metrics: http.NotFoundHandler()}
	for _, r := range a.routes() {
		if r.kind == "text/event-stream" {
			continue
		}
		list = append(list, strings.NewReplacer("{number}", "24647140", "{job}", "1-24647140-00", "{stage}", "prove", "{attempt}", "1").Replace(r.path))
	}
	return list
}

// TestAnswersFitTheDescription: every response fits the schema of its path in
// openapi.json, and openapi.json has all paths and no others.
func TestAnswersFitTheDescription(t *testing.T) {
	s := newScene(300, time.Now())
	s.begin()
	c := followed(t, s)
	handler := Handler(c)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, ask("/api/v1/openapi.json"))
	document, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("https://proofline.invalid/openapi.json", document); err != nil {
		t.Fatal(err)
	}
	described := document.(map[string]any)["paths"].(map[string]any)
	a := &api{Config: c, health: &health{}, metrics: http.NotFoundHandler()}
	for _, r := range a.routes() {
		if _, known := described[r.path]; !known {
			t.Errorf("%s is not described", r.path)
		}
		if r.kind != "" {
			continue
		}
		pointer := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(r.path)
		schema, err := compiler.Compile("https://proofline.invalid/openapi.json#/paths/" + pointer + "/get/responses/200/content/application~1json/schema")
		if err != nil {
			t.Errorf("%s: %v", r.path, err)
			continue
		}
		path := strings.ReplaceAll(r.path, "{number}", "24647140")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, ask(path))
		value, err := jsonschema.UnmarshalJSON(w.Body)
		if err != nil || w.Code != 200 {
			t.Errorf("%s: %d %v", path, w.Code, err)
			continue
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if len(described) != len(a.routes()) {
		t.Errorf("%d paths are described, %d answer", len(described), len(a.routes()))
	}
}

// TestNothingCanBeChanged: every path refuses every method that could change something, and
// no response contains the token.
func TestNothingCanBeChanged(t *testing.T) {
	s := newScene(300, time.Now())
	c := followed(t, s)
	c.Token = "s3cret-t0ken"
	handler := Handler(c)
	for _, path := range append(paths(c), "/", "/block/24647140", "/docs/troubleshooting", "/docs/shadow.yaml", "/docs", "/assets/page.js", "/api/v1/events", "/nowhere") {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND"} {
			r := ask(path)
			r.Method = method
			r.Header.Set("Authorization", "Bearer "+c.Token)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
		if path == "/api/v1/events" {
			continue
		}
		r := ask(path)
		r.Header.Set("Authorization", "Bearer "+c.Token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), c.Token) {
			t.Errorf("%s shows the token", path)
		}
		h := w.Header()
		if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Access-Control-Allow-Origin") != "" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
		w = httptest.NewRecorder()
		handler.ServeHTTP(w, ask(path))
		if want := 401; isHealth(path) == (w.Code == want) {
			t.Errorf("%s without the token: %d", path, w.Code)
		}
	}
}

func TestToken(t *testing.T) {
	c := showing(nil)
	c.Token = "s3cret-t0ken"
	handler := Handler(c)
	for _, r := range []*http.Request{ask("/?token=s3cret-t0ken&x=1"), ask("//evil.example/?token=s3cret-t0ken")} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		to := w.Header().Get("Location")
		if w.Code != 303 || strings.Contains(to, "token") || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
			t.Errorf("%s: %d to %q", r.URL, w.Code, to)
		}
		cookie := w.Result().Cookies()[0]
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
			t.Errorf("the cookie: %v", cookie)
		}
		again := ask("/api/v1/overview")
		again.AddCookie(cookie)
		w = httptest.NewRecorder()
		if handler.ServeHTTP(w, again); w.Code != 200 {
			t.Errorf("with the cookie: %d", w.Code)
		}
	}
	for _, wrong := range []string{"Bearer s3cret", "Basic s3cret-t0ken", "s3cret-t0ken", ""} {
		r := ask("/")
		r.Header.Set("Authorization", wrong)
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != 401 {
			t.Errorf("%q: %d", wrong, w.Code)
		}
	}
}

// TestHosts: a request for a host name that somebody else can own is refused.
func TestHosts(t *testing.T) {
	c := showing(nil)
	c.Hosts = []string{"Proofs.Example.org"}
	handler := Handler(c)
	for host, want := range map[string]int{
		"127.0.0.1:4000": 200, "[::1]:4000": 200, "10.1.2.3": 200, "localhost:4000": 200, "rig-02": 200, "proofline.default.svc.cluster.local": 200,
		"rig.internal": 200, "proofs.example.org": 200, "proofs.example.org.:443": 200,
		"evil.example": 421, "evil.example:4000": 421, "127.0.0.1.evil.example": 421, "xproofs.example.org": 421, "local.evil": 421,
	} {
		r := ask("/health/live")
		r.Host = host
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d, want %d", host, w.Code, want)
		}
	}
}

func TestBadQuestions(t *testing.T) {
	handler := Handler(followed(t, newScene(50, time.Now())))
	for path, want := range map[string]int{
		"/api/v1/jobs?state=done,failed&limit=2": 200, "/api/v1/jobs?state=nonsense": 400, "/api/v1/jobs?limit=0": 400, "/api/v1/jobs?from=-1": 400,
		"/api/v1/jobs?since=yesterday": 400, "/api/v1/jobs?after=nonsense": 400, "/api/v1/jobs/abc": 400, "/api/v1/jobs/1": 404,
		"/api/v1/log?level=loud": 400, "/api/v1/log?block=x": 400, "/block/abc": 404,
		"/docs/nonsense": 404, "/docs/..%2fpages.go": 404, "/docs/reference": 200, "/docs/backfill": 200, "/docs": 303, "/docs/": 303,
		"/api/v1/jobs/1-2-3/stages/prove/attempts/x/log": 400, "/api/v1/jobs/1-2-3/stages/prove/attempts/1/log": 404,
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, ask(path))
		if w.Code != want || strings.Contains(w.Body.String(), "/home/") {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}

// event is one server-sent event.
type event struct{ id, kind, data string }

// events reads a stream until its end.
func events(t *testing.T, r io.Reader) func() (event, bool) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	return func() (e event, ok bool) {
		for lines.Scan() {
			switch field, value, _ := strings.Cut(lines.Text(), ": "); field {
			case "id":
				e.id = value
			case "event":
				e.kind = value
			case "data":
				e.data = value
			case "":
				if e.kind != "" {
					return e, true
				}
			}
		}
		return e, false
	}
}

// TestEvents: a client gets the Overview first and then changes. A client that sends the id
// of its last event gets the events that it has missed. The last event is "end".
func TestEvents(t *testing.T) {
	s := newScene(50, time.Now())
	origin, stop := serve(t, s, "")
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	open := func(last string) (func() (event, bool), io.Closer) {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", origin+"/api/v1/events", nil)
		if last != "" {
			r.Header.Set("Last-Event-ID", last)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Fatal(got)
		}
		return events(t, res.Body), res.Body
	}
	next, body := open("")
	first, _ := next()
	var whole live.Overview
	if err := json.Unmarshal([]byte(first.data), &whole); err != nil || first.kind != "overview" || len(whole.Targets) != 50 {
		t.Fatalf("%s with %d targets: %v", first.kind, len(whole.Targets), err)
	}
	s.begin()
	number := s.snapNumber()
	last := first
	for {
		e, ok := next()
		if !ok {
			t.Fatal("the stream ends")
		}
		var c live.Change
		if e.kind == "change" {
			last = e
			if err := json.Unmarshal([]byte(e.data), &c); err != nil {
				t.Fatal(err)
			}
		}
		if slices.ContainsFunc(c.Targets, func(target live.Target) bool { return target.Number == number && target.Outcome == live.Working }) {
			break
		}
	}
	body.Close()
	s.end("")
	next, body = open(last.id)
	defer body.Close()
	found := false
	for !found {
		e, ok := next()
		if !ok || e.kind == "overview" {
			t.Fatalf("who comes back gets %q", e.kind)
		}
		found = e.kind == "change" && strings.Contains(e.data, `"outcome":"accepted"`)
	}
	go stop()
	for {
		e, ok := next()
		if !ok {
			t.Fatal("the stream ends without a word")
		}
		if e.kind == "end" {
			if !strings.Contains(e.data, `"stops":true`) {
				t.Error(e.data)
			}
			break
		}
	}
}
