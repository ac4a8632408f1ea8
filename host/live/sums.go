package live

import "time"

// sums are the figures that are computed from the whole window.
type sums struct {
	version uint64    // of the window from which they were computed
	at      time.Time // when old targets were removed and all charts were computed
	fit     *Fit
	day     Day
	charts  Charts
}

// updateSums computes the sums again if the window has changed, and after every
// pauseMachine, because targets become older than a day.
func (m *Model) updateSums(now time.Time) {
	s := &m.sums
	due := now.Sub(s.at) >= pauseMachine
	if !due && s.version == m.window.version {
		return
	}
	if due {
		m.window.forget(now)
		m.observed.forget(m.window.targets)
		s.at = now
		s.charts.Stages, s.charts.Shadow = m.window.spans(now), m.window.pairs(m.proofStage)
	}
	s.version = m.window.version
	s.charts.Time, s.charts.Dots = now.UTC(), m.window.dots(now)
	s.fit, s.day = fitLine(s.charts.Dots), m.window.day(now)
}
