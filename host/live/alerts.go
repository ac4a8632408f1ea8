package live

import (
	"cmp"
	"slices"
	"time"
)

// keptAlerts is how many alerts that are over are remembered.
const keptAlerts = 30

// alerts remembers which complaints are new, and which are over.
type alerts struct {
	open map[string]Alert
	over []Alert // the newest first
}

// update takes the complaints of this moment and reports whether anything changed
// but wording.
func (a *alerts) update(complaints []Complaint, now time.Time) {
	if a.open == nil {
		a.open = map[string]Alert{}
	}
	now = now.UTC().Truncate(time.Millisecond)
	lasting := map[string]bool{}
	for _, c := range complaints {
		lasting[c.ID] = true
		alert, known := a.open[c.ID]
		if !known {
			alert = Alert{ID: c.ID, Since: c.Since.UTC()}
			if c.Since.IsZero() {
				alert.Since = now
			}
		}
		alert.Level = LevelWarning
		if c.Severity >= Unwell {
			alert.Level = LevelError
		}
		alert.Title, alert.Text, alert.Remedy, alert.Command, alert.Stage, alert.Block = c.Title, c.Text, c.Remedy, c.Command, c.Stage, c.Block
		alert.Topic = c.Topic
		a.open[c.ID] = alert
	}
	for id, alert := range a.open {
		if !lasting[id] {
			delete(a.open, id)
			alert.Until = now
			a.over = append([]Alert{alert}, a.over[:min(len(a.over), keptAlerts-1)]...)
		}
	}
}

// list returns the open ones, the worst and newest first, and then those that are
// over.
func (a *alerts) list() []Alert {
	list := []Alert{}
	for _, alert := range a.open {
		list = append(list, alert)
	}
	slices.SortFunc(list, func(x, y Alert) int {
		return cmp.Or(compareBool(y.Level == LevelError, x.Level == LevelError), y.Since.Compare(x.Since), cmp.Compare(x.ID, y.ID))
	})
	return append(list, a.over...)
}
