package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
)

// shown is the pipeline of health_test.go. Its other methods are those of an empty scene.
type shown struct {
	*scene
	err error
}

func (shown) Snapshot(context.Context) (status.Snapshot, error) { return pipeline(), nil }

func (s shown) Score(context.Context) (score.Report, error) {
	return score.Judge(score.Record{Pipeline: "mainnet"}, start), s.err
}

func showing(err error) Config {
	c := newScene(0, start).config(nil)
	c.Pipeline = shown{newScene(0, start), err}
	return c
}

func TestAPIAnswersJSON(t *testing.T) {
	for path, want := range map[string]any{"/api/v1/status": pipeline(), "/api/v1/score": score.Judge(score.Record{Pipeline: "mainnet"}, start)} {
		w := httptest.NewRecorder()
		Handler(showing(nil)).ServeHTTP(w, ask(path))
		text, _ := json.Marshal(want)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || cmp.Diff(string(text)+"\n", w.Body.String()) != "" {
			t.Errorf("%s: %d %s %s", path, w.Code, w.Header(), cmp.Diff(string(text)+"\n", w.Body.String()))
		}
	}
	w := httptest.NewRecorder()
	Handler(showing(errors.New("record \"x\": damaged"))).ServeHTTP(w, ask("/api/v1/score"))
	if w.Code != 503 || w.Body.String() != `{"error":"record \"x\": damaged"}`+"\n" {
		t.Errorf("an error: %d %s", w.Code, w.Body)
	}
}

// ask returns a GET request to a server on this machine.
func ask(path string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	r.Host = "127.0.0.1:4000"
	return r
}
