package top

import (
	"testing"
	"time"

	"github.com/proofline/proofline/host/live"
)

func TestLine(t *testing.T) {
	now := time.Date(2026, 3, 13, 7, 46, 23, 0, time.UTC)
	at := &live.Proving{Target: live.Target{Number: 24_647_150}, Stage: "prove", CountedMS: 1400, CountedSince: now.Add(-4 * time.Second), PredictedMS: 10_800, Fraction: 0.9}
	unknown := &live.Proving{Target: live.Target{Number: 7}, Stage: "che\x1bck", CountedSince: now.Add(-4 * time.Second), Fraction: -1}
	for _, c := range []struct {
		name  string
		o     live.Overview
		width int
		want  string
	}{
		{"a block with a prediction", live.Overview{Proving: at, Pipeline: live.Pipeline{Active: 3}}, 200, "prove 24,647,150  ━━━━━━━━━━──────────  5.40 s, about 6 s to go · 2 more blocks at work or waiting"},
		{"without one", live.Overview{Proving: unknown, Outbox: live.Outbox{Waiting: 4}}, 200, "che?ck 7  4.00 s · 4 reports wait"},
		{"narrow", live.Overview{Proving: at}, 20, "prove 24,647,150  …"},
		{"waits", live.Overview{Pipeline: live.Pipeline{State: live.Running}, Chain: live.Chain{Next: 100, NextTime: now.Add(62 * time.Second)}}, 200, "next target 100 in about 1 min 2 s"},
		{"starts", live.Overview{Pipeline: live.Pipeline{State: live.Starting, Word: "Starting"}}, 200, "Starting"},
		{"nothing", live.Overview{}, 200, ""},
	} {
		if got := Line(c.o, now, c.width); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
