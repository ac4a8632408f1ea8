package live

import (
	"reflect"
	"slices"
	"time"
)

// Change holds the sections of an Overview that have changed.
type Change struct {
	Time     time.Time  `json:"time"`
	Pipeline *Pipeline  `json:"pipeline,omitempty"`
	Chain    *Chain     `json:"chain,omitempty"`
	Stages   []Stage    `json:"stages,omitempty"`
	Outbox   *Outbox    `json:"outbox,omitempty"`
	Proving  **Proving  `json:"proving,omitempty"` // null: no block is worked on now
	Fit      *Fit       `json:"fit,omitempty"`
	Day      *Day       `json:"day,omitempty"`
	Score    *Score     `json:"score,omitempty"`
	Hardware *Hardware  `json:"hardware,omitempty"`
	Alerts   *[]Alert   `json:"alerts,omitempty"`
	Failures *[]Failure `json:"failures,omitempty"`
	Targets  []Target   `json:"targets,omitempty"` // new and changed ones
	Log      []Line     `json:"log,omitempty"`     // new ones, the newest first
}

// isEmpty reports whether no section has changed.
func (c Change) isEmpty() bool {
	c.Time = time.Time{}
	return reflect.DeepEqual(c, Change{})
}

// difference returns the changes from one Overview to the next. changed are the jobs
// whose targets are known to have changed.
func difference(old, next Overview, changed map[string]bool) Change {
	c := Change{Time: next.Time}
	if old.Pipeline != next.Pipeline {
		c.Pipeline = &next.Pipeline
	}
	if old.Chain != next.Chain {
		c.Chain = &next.Chain
	}
	if !reflect.DeepEqual(old.Stages, next.Stages) {
		c.Stages = next.Stages
	}
	if old.Outbox != next.Outbox {
		c.Outbox = &next.Outbox
	}
	if !reflect.DeepEqual(old.Proving, next.Proving) {
		c.Proving = &next.Proving
	}
	if !reflect.DeepEqual(old.Fit, next.Fit) {
		c.Fit = next.Fit
	}
	if old.Day != next.Day {
		c.Day = &next.Day
	}
	if old.Score != next.Score {
		c.Score = next.Score
	}
	if !reflect.DeepEqual(old.Hardware, next.Hardware) {
		c.Hardware = &next.Hardware
	}
	if !slices.Equal(old.Alerts, next.Alerts) {
		c.Alerts = &next.Alerts
	}
	if !slices.Equal(old.Failures, next.Failures) {
		c.Failures = &next.Failures
	}
	before := map[string]Target{}
	for _, t := range old.Targets {
		before[t.Job] = t
	}
	for _, t := range next.Targets {
		if previous, known := before[t.Job]; !known || changed[t.Job] || previous != t {
			c.Targets = append(c.Targets, t)
		}
	}
	return c
}
