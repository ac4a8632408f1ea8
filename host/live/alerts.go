package live

import (
	"cmp"
	"slices"
	"time"
)

// endedAlertLimit is the number of ended alerts that are kept.
const endedAlertLimit = 30

// alerts makes alerts of conditions. It keeps when each began and ended.
type alerts struct {
	open  map[string]Alert
	ended []Alert // the newest first
}

// update opens an alert for each new condition and ends the alerts whose conditions are
// not in the list any more.
func (a *alerts) update(conditions []Condition, now time.Time) {
	if a.open == nil {
		a.open = map[string]Alert{}
	}
	now = now.UTC().Truncate(time.Millisecond)
	current := map[string]bool{}
	for _, c := range conditions {
		current[c.ID] = true
		alert, known := a.open[c.ID]
		if !known {
			alert = Alert{ID: c.ID, Since: c.Since.UTC()}
			if c.Since.IsZero() {
				alert.Since = now
			}
		}
		alert.Level = LevelWarning
		if c.Severity >= SeverityDegraded {
			alert.Level = LevelError
		}
		alert.Title, alert.Text, alert.Remedy, alert.Command, alert.Stage, alert.Block = c.Title, c.Text, c.Remedy, c.Command, c.Stage, c.Block
		alert.Topic = c.Topic
		a.open[c.ID] = alert
	}
	for id, alert := range a.open {
		if !current[id] {
			delete(a.open, id)
			alert.Until = now
			a.ended = append([]Alert{alert}, a.ended[:min(len(a.ended), endedAlertLimit-1)]...)
		}
	}
}

// list returns the open alerts, the worst and newest first, and then the ended ones.
func (a *alerts) list() []Alert {
	list := []Alert{}
	for _, alert := range a.open {
		list = append(list, alert)
	}
	slices.SortFunc(list, func(x, y Alert) int {
		return cmp.Or(compareBool(y.Level == LevelError, x.Level == LevelError), y.Since.Compare(x.Since), cmp.Compare(x.ID, y.ID))
	})
	return append(list, a.ended...)
}
