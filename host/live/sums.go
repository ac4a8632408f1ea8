package live

import "time"

// sums is what is worked out of the whole window.
type sums struct {
	version uint64
	at      time.Time // when charts and window were looked through
	fit     *Fit
	day     Day
	charts  Charts
}

// sum works out the sums anew where the window has changed, and every
// pauseMachine, because the day moves on.
func (m *Model) sum(now time.Time) {
	s := &m.summed
	due := now.Sub(s.at) >= pauseMachine
	if !due && s.version == m.window.version {
		return
	}
	if due {
		m.window.forget(now)
		m.seen.forget(m.window.targets)
		s.at = now
		s.charts.Stages, s.charts.Shadow = m.window.spans(now), m.window.pairs(m.reported)
	}
	s.version = m.window.version
	s.charts.Time, s.charts.Dots = now.UTC(), m.window.dots(now)
	s.fit, s.day = fit(s.charts.Dots), m.window.day(now)
}
