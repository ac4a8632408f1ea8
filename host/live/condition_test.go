package live

import (
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestDegradedStageIsAWarning: a source that has lost its second node holds up no block, so
// that nobody would look. It must be a warning, and no more than that, before the first
// node fails, too.
func TestDegradedStageIsAWarning(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	const lost = "http://two: connection refused"
	for name, c := range map[string]struct {
		state  status.StageState
		since  time.Duration
		paused string
		error  string
		want   string // id of the only condition; empty for none
		text   string
	}{
		"a node that restarts":    {status.StageDegraded, 2 * time.Minute, "", lost, "", ""},
		"a node that is down":     {status.StageDegraded, 2*time.Minute + time.Second, "", lost, "degraded/source", lost},
		"no reason":               {status.StageDegraded, time.Hour, "", "", "degraded/source", "names no reason"},
		"both nodes are down":     {status.StageUnavailable, time.Hour, "", lost, "down/source", "unavailable"},
		"paused while degraded":   {status.StageDegraded, time.Hour, "disk full", lost, "down/source", "paused"},
		"all nodes work":          {status.StageReady, time.Hour, "", "", "", ""},
		"a detail while it works": {status.StageReady, time.Hour, "", "the newest head is old", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := status.Stage{Name: "source", Kind: contract.KindSource, State: c.state, Since: now.Add(-c.since), Error: c.error, Paused: c.paused}
			if c.paused != "" {
				s.PausedSince = s.Since
			}
			var checker Checker
			got := checker.Conditions(status.Snapshot{Stages: []status.Stage{s}}, now)
			switch {
			case c.want == "" && len(got) == 0:
			case len(got) != 1 || got[0].ID != c.want || !strings.Contains(got[0].Text, c.text):
				t.Errorf("%+v, want %q with %q", got, c.want, c.text)
			case strings.HasPrefix(c.want, "degraded/") && (got[0].Severity != 0 || got[0].Since != s.Since || got[0].Stage != "source"):
				t.Errorf("%+v", got[0])
			}
		})
	}
}
