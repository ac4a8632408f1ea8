package monitor

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/proofline/proofline/host/live"
)

// TestRecordOverview writes the overview of a scene to the file that PROOFLINE_RECORD
// names. The golden screens of package top are made from it.
func TestRecordOverview(t *testing.T) {
	to := os.Getenv("PROOFLINE_RECORD")
	if to == "" {
		t.Skip("PROOFLINE_RECORD names no file")
	}
	s := newScene(300, time.Now())
	s.begin()
	s.change(func(snap *statusSnapshot) {
		snap.Stages[7].Paused, snap.Stages[7].PausedSince = "S3 says 403 AccessDenied", time.Now().Add(-96*time.Minute)
		snap.Stages[7].QueueLength, snap.Stages[7].Queue = 48, []uint64{24_647_140}
	})
	s.called(40, 30)
	w := httptest.NewRecorder()
	Handler(followed(t, s)).ServeHTTP(w, ask("/api/v1/overview"))
	var o live.Overview
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
		t.Fatal(err)
	}
	o.Pipeline.Host, o.Hardware, o.Alerts = "host", live.Hardware{GPUs: []live.GPU{}}, o.Alerts[:1]
	o.Score.Course = nil
	text, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
