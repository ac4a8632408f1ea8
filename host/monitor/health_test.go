package monitor

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

var start = time.Date(2026, 1, 12, 15, 0, 0, 0, time.UTC)

// pipeline is a healthy pipeline half an hour after its start.
func pipeline() status.Snapshot {
	return status.Snapshot{
		Pipeline: "mainnet", Started: start,
		Stages: []status.Stage{
			{Name: "source", Kind: contract.KindSource, Plugin: "source-rpc", State: status.StageReady, Since: start, Processed: 16},
			{Name: "input", Kind: contract.KindBuilder, Plugin: "builder-ethrex", State: status.StageReady, Since: start, Processed: 15},
			{Name: "check", Kind: contract.KindProver, Plugin: "prover-stateless", State: status.StageReady, Since: start},
			{Name: "prove", Kind: contract.KindProver, Plugin: "prover-zisk", State: status.StageReady, Since: start, MakesProof: true,
				Running: []status.Attempt{{Number: 21500000, Since: start}}, Queue: []uint64{21500100, 21500200}, Processed: 12},
			{Name: "ethproofs", Kind: contract.KindReporter, Plugin: "reporter-ethproofs", State: status.StageReady, Since: start},
		},
	}
}

// get sends a request to the handler at a time after the start.
func get(t *testing.T, h *health, path string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	handler := map[string]http.HandlerFunc{"/health": h.serveHealth, "/health/ready": h.serveReady}[path]
	handler(w, httptest.NewRequest("GET", path, nil))
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return w.Code, answer
}

func TestHealthKeepsTheShape(t *testing.T) {
	snap := pipeline()
	h := &health{snapshot: func() status.Snapshot { return snap }, now: func() time.Time { return start.Add(30 * time.Minute) }}
	code, answer := get(t, h, "/health")
	if code != 200 {
		t.Errorf("code %d", code)
	}
	delete(answer, "system")
	components := answer["components"].(map[string]any)
	for _, name := range []string{"source", "input", "check", "prove", "ethproofs"} {
		if _, ok := components[name]; !ok {
			t.Errorf("the stage %s is missing", name)
		}
		delete(components, name)
	}
	want := map[string]any{
		"status": "healthy", "timestamp": "2026-01-12T15:30:00Z", "uptime_seconds": 1800.0,
		"components": map[string]any{
			"prover": map[string]any{
				"status": "up", "state": "proving_21500000", "queue_length": 2.0, "queued_blocks": []any{21500100.0, 21500200.0},
				"proving_since": "2026-01-12T15:00:00Z", "proving_duration_seconds": 1800.0, "processed_count": 12.0, "failed_count": 0.0,
				"plugin": "prover-zisk", "kind": "prover", "process": "ready",
			},
			"input_generator": map[string]any{
				"status": "up", "state": "idle", "queue_length": 0.0, "queued_blocks": []any{}, "processed_count": 15.0, "failed_count": 0.0,
				"plugin": "builder-ethrex", "kind": "builder", "process": "ready",
			},
			"task_supervisor": map[string]any{"status": "up", "active_tasks": 1.0},
		},
	}
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("/health (-want +got):\n%s", diff)
	}
}

func TestHealthStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*status.Snapshot)
		status string
		code   int
		reason string
	}{
		{"healthy", func(*status.Snapshot) {}, Healthy, 200, ""},
		{"stuck prover", func(s *status.Snapshot) { s.Stages[3].Running[0].Stuck = true }, Degraded, 503, "stuck_after"},
		{"stuck builder", func(s *status.Snapshot) {
			s.Stages[1].Running = []status.Attempt{{Number: 1, Since: start, Stuck: true}}
		}, Healthy, 200, ""},
		{"source just down", func(s *status.Snapshot) {
			s.Stages[0].State, s.Stages[0].Since = status.StageUnavailable, start.Add(30*time.Minute-10*time.Second)
		}, Healthy, 200, ""},
		{"source down", func(s *status.Snapshot) {
			s.Stages[0].State, s.Stages[0].Since = status.StageUnavailable, start.Add(30*time.Minute-11*time.Second)
		}, Unhealthy, 503, `the source "source" is unavailable for 11s`},
		{"builder down", func(s *status.Snapshot) { s.Stages[1].State = status.StageBackoff }, Unhealthy, 503, "backoff"},
		{"gate down", func(s *status.Snapshot) { s.Stages[2].State = status.StageQuarantined }, Unhealthy, 503, "quarantined"},
		{"reporter down", func(s *status.Snapshot) { s.Stages[4].State = status.StageQuarantined }, Healthy, 200, ""},
		{"announcing reporter down", func(s *status.Snapshot) {
			s.Stages[4].State = status.StageQuarantined
			s.Recent = []status.Job{{Reports: []status.Report{{Reporter: "ethproofs", Kind: contract.EventQueued, State: "waiting"}}}}
		}, Degraded, 503, `the reporter "ethproofs" is quarantined`},
		{"degraded plugin works", func(s *status.Snapshot) { s.Stages[3].State = status.StageDegraded }, Healthy, 200, ""},
		{"down beats stuck", func(s *status.Snapshot) {
			s.Stages[3].Running[0].Stuck = true
			s.Stages[0].State = status.StageStopped
		}, Unhealthy, 503, "stopped"},
		{"blocks fail", func(s *status.Snapshot) {
			for range 3 {
				s.Recent = append(s.Recent, status.Job{State: status.JobFailed, Stage: "prove", Reason: "no such guest"})
			}
		}, Degraded, 503, "3 of the last 3 blocks failed, the last one in prove: no such guest"},
		{"one block has failed", func(s *status.Snapshot) {
			s.Recent = []status.Job{{State: status.JobFailed}, {State: status.JobDone}, {State: status.JobFailed}}
		}, Healthy, 200, ""},
		{"reports are refused", func(s *status.Snapshot) {
			for range 5 {
				s.Recent = append(s.Recent, status.Job{State: status.JobDone, Reports: []status.Report{{Reporter: "ethproofs", Kind: contract.EventProved, State: "rejected"}}})
			}
		}, Degraded, 503, `the other side of the reporter "ethproofs" refused 5 of the last 5 reports`},
		{"just paused", func(s *status.Snapshot) {
			s.Stages[3].Paused, s.Stages[3].PausedSince = "no GPU", start.Add(30*time.Minute-10*time.Second)
		}, Healthy, 200, ""},
		{"paused", func(s *status.Snapshot) {
			s.Stages[3].Paused, s.Stages[3].PausedSince = "no GPU", start.Add(30*time.Minute-11*time.Second)
		}, Unhealthy, 503, `the prover "prove" is paused for 11s`},
		{"nothing can be recorded", func(s *status.Snapshot) { s.Trouble = "checkpoint.db: no space left" }, Unhealthy, 503, "no space left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := pipeline()
			c.change(&snap)
			h := &health{snapshot: func() status.Snapshot { return snap }, now: func() time.Time { return start.Add(30 * time.Minute) }}
			code, answer := get(t, h, "/health")
			reason, _ := answer["reason"].(string)
			if code != c.code || answer["status"] != c.status || !strings.Contains(reason, c.reason) || (c.reason == "") != (reason == "") {
				t.Errorf("got %d, %v, %q; want %d, %s, %q", code, answer["status"], reason, c.code, c.status, c.reason)
			}
		})
	}
}

// TestCrashLoopIsDown: a plugin that crashes at every start counts as down all the time,
// although its state changes often.
func TestCrashLoopIsDown(t *testing.T) {
	snap, now := pipeline(), start
	h := &health{snapshot: func() status.Snapshot { return snap }, now: func() time.Time { return now }}
	for i := range 5 {
		snap.Stages[0].State = []status.StageState{status.StageStarting, status.StageBackoff}[i%2]
		now = start.Add(time.Duration(i) * 4 * time.Second)
		snap.Stages[0].Since = now
		if code, answer := get(t, h, "/health"); (code == 503) != (i > 2) {
			t.Errorf("%v after the first crash: %d %v", now.Sub(start), code, answer["reason"])
		}
	}
	snap.Stages[0].State = status.StageReady
	if code, _ := get(t, h, "/health"); code != 200 {
		t.Error("unhealthy although it is up again")
	}
}

// TestPausedStageIsDown: a paused stage counts as down although its plugin runs, for
// example on a machine without a GPU.
func TestPausedStageIsDown(t *testing.T) {
	snap, now := pipeline(), start
	snap.Stages[3].Paused = "no GPU"
	h := &health{snapshot: func() status.Snapshot { return snap }, now: func() time.Time { return now }}
	if code, answer := get(t, h, "/health"); code != 200 || answer["components"].(map[string]any)["prover"].(map[string]any)["reason"] != "no GPU" {
		t.Errorf("just paused: %d %v", code, answer)
	}
	now = now.Add(11 * time.Second)
	if code, answer := get(t, h, "/health"); code != 503 || answer["reason"] != `the prover "prove" is paused for 11s` {
		t.Errorf("paused for 11 s: %d %v", code, answer["reason"])
	}
	if code, _ := get(t, h, "/health/ready"); code != 503 {
		t.Errorf("a paused stage is ready: %d", code)
	}
}

func TestProverComponentIsTheProofStage(t *testing.T) {
	snap := pipeline()
	h := &health{snapshot: func() status.Snapshot { return snap }, now: time.Now}
	prover := func() any {
		_, answer := get(t, h, "/health")
		p, _ := answer["components"].(map[string]any)["prover"].(map[string]any)
		return p["plugin"]
	}
	snap.Stages[3].MakesProof, snap.Stages[2].MakesProof = false, true
	if got := prover(); got != "prover-stateless" {
		t.Errorf("with the proof made by the first prover: %v", got)
	}
	snap.Stages[2].MakesProof = false
	if got := prover(); got != "prover-zisk" {
		t.Errorf("with gates only: %v, want the last", got)
	}
	snap.Stages = snap.Stages[:2]
	if got := prover(); got != nil {
		t.Errorf("without provers: %v", got)
	}
}

func TestReady(t *testing.T) {
	snap := pipeline()
	h := &health{snapshot: func() status.Snapshot { return snap }, now: time.Now}
	if code, answer := get(t, h, "/health/ready"); code != 200 || answer["ready"] != true {
		t.Errorf("got %d %v", code, answer)
	}
	snap.Stages[4].State = status.StageStarting
	if code, answer := get(t, h, "/health/ready"); code != 503 || answer["ready"] != false || !cmp.Equal(answer["waiting_for"], []any{"ethproofs"}) {
		t.Errorf("with a starting reporter: %d %v", code, answer)
	}
	snap = pipeline()
	snap.Stopping = true
	if code, _ := get(t, h, "/health/ready"); code != 503 {
		t.Errorf("while stopping: %d", code)
	}
	snap = status.Snapshot{}
	if code, _ := get(t, h, "/health/ready"); code != 503 {
		t.Errorf("before the first stage: %d", code)
	}
}

func TestServer(t *testing.T) {
	s, err := Start(showing(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/health/live", 200}, {"HEAD", "/health/live", 200}, {"GET", "/api/health/live", 200},
		{"GET", "/health", 200}, {"GET", "/api/health", 200}, {"GET", "/api/health/ready", 200},
		{"GET", "/", 200}, {"GET", "/api/v1/status", 200}, {"HEAD", "/api/v1/score", 200}, {"POST", "/api/v1/score", 405}, {"POST", "/health", 405}, {"DELETE", "/", 405}, {"GET", "/nowhere", 404},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), c.method, "http://"+s.Addr()+c.path, nil)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.code || (c.method == "HEAD") != (len(body) == 0) {
			t.Errorf("%s %s: %d %q, want %d", c.method, c.path, res.StatusCode, body, c.code)
		}
	}

	taken := showing(nil)
	taken.Listen = s.Addr()
	_, err = Start(taken)
	if contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), s.Addr()) || !strings.Contains(err.Error(), "monitor.listen") {
		t.Errorf("a second server on the same port: %v", err)
	}
}
