package monitor

import (
	"fmt"
	"math"
	"strings"

	"github.com/proofline/proofline/host/live"
)

// score fills in the week's score and its forecast.
func (m *maker) score() {
	for _, name := range []string{"under", "forecast", "spare", "proved", "paralyzed"} {
		m.set("score-"+name+"-n", "")
		m.put("score-"+name, figure{Text: "–"})
	}
	m.set("score", "–")
	verdict := figure{Text: "no target of this week has ended", Icon: "waiting", Class: "m"}
	if p := m.o.Pipeline; !p.Proves && p.State != live.Starting {
		verdict.Text = "no stage makes a proof"
	}
	m.put("score-verdict", verdict)
	m.set("score-sub", "")
	m.set("score-under-label", "Proved in time")
	m.set("score-forecast-label", "Forecast")
	s := m.o.Score
	if s == nil {
		return
	}
	rules, week := s.Rules, s.Week
	from := "last 7 days"
	if s.Forecast != nil {
		week = s.Forecast.Week
		from = "since " + day(week.From)
	}
	m.set("score-sub", rules.Cohort+" · "+from)
	m.set("score-under-label", "Proved in under "+live.Limit(rules.ThresholdMS))
	if week.Blocks == 0 {
		return
	}
	m.set("score", fixed(week.Performance, 2))
	margin := week.Performance - float64(rules.PerformanceBar)
	icon, class, side := "done", "ok", "above"
	if margin < 2 {
		icon, class = "warning", "warn"
	}
	if margin < 0 {
		icon, class, side = "error", "bad", "below"
	}
	m.put("score-verdict", figure{Text: fmt.Sprintf("%s points %s %d %%", fixed(math.Abs(margin), 2), side, rules.PerformanceBar), Icon: icon, Class: class})
	fraction := func(n int) string { return live.Grouped(n) + " of " + live.Grouped(week.Blocks) }
	m.set("score-under-n", fraction(week.Under))
	m.set("score-under", fixed(week.Performance, 2)+" %")
	m.set("score-proved-n", fraction(week.Proved()))
	if rules.LivenessBar > 0 {
		m.set("score-proved-n", fmt.Sprintf("needs %d %%", rules.LivenessBar))
	}
	m.set("score-proved", fixed(week.Liveness, 2)+" %")
	m.set("score-paralyzed-n", fraction(week.Paralyzers))
	m.set("score-paralyzed", fixed(week.Paralyzed, 2)+" %")
	if f := s.Forecast; f != nil {
		m.set("score-forecast-label", "Forecast for "+f.Deadline.UTC().Weekday().String())
		m.set("score-forecast-n", fixed(f.PerformanceLow, 1)+" to "+fixed(f.PerformanceHigh, 1)+" %")
		m.set("score-forecast", fixed(f.Performance, 1)+" %")
		m.set("score-spare-n", fmt.Sprintf("of %s, %s", live.Grouped(f.Left), live.Long(int64(max(0, f.SlowLeft))*f.PaceMS/1000)))
		m.set("score-spare", live.Grouped(f.SlowLeft))
	}
}

// gpus fills in the load, memory, temperature and power of each GPU.
func (m *maker) gpus() {
	h := m.o.Hardware
	none := figure{Text: "No GPU is seen. Load, memory, heat and power of each will be here, from nvidia-smi every 5 s.", Hide: len(h.GPUs) > 0}
	if h.GPUNote != "" {
		none.Text = h.GPUNote
	}
	m.put("gpu-none", none)
	m.set("gpu-sub", "")
	if n := len(h.GPUs); n > 0 {
		m.set("gpu-sub", fmt.Sprintf("%d × %s · %s W", n, strings.TrimPrefix(strings.TrimPrefix(h.GPUs[0].Name, "NVIDIA "), "GeForce "), live.Grouped(int64(h.Watts))))
	}
	for i, g := range shownGPUs(m.o) {
		key := fmt.Sprintf("gpu.%d.", i)
		m.set(key+"index", fmt.Sprint(g.Index))
		m.set(key+"load", unit(g.Percent, 0, " %"))
		m.set(key+"memory", "–")
		if g.MemoryUsed >= 0 {
			m.set(key+"memory", fixed(gib(g.MemoryUsed), 1)+" GiB")
		}
		heat := figure{Text: unit(g.Celsius, 0, " °C"), Icon: "none"}
		if g.Slowed {
			heat.Icon, heat.Class = "warning", "warn"
		}
		if g.Lost {
			heat = figure{Text: "does not answer", Icon: "error", Class: "bad"}
		}
		m.put(key+"heat", heat)
		m.set(key+"power", unit(g.Watts, 0, " W"))
	}
}

// attention fills in the open alerts.
func (m *maker) attention() {
	openCount := openAlerts(m.o)
	m.put("attn-more", figure{Text: fmt.Sprintf("%d open", openCount), Href: "#alerts", Hide: openCount == 0})
	m.put("attn-none", figure{Text: "Nothing. Alerts and failing blocks will be here, with what to do.", Hide: openCount > 0})
	for i := range attentionSlots {
		key := fmt.Sprintf("attn.%d.", i)
		if i >= openCount {
			for _, name := range []string{"row", "title", "ago", "text"} {
				m.put(key+name, figure{Hide: true})
			}
			m.put(key+"title", figure{Hide: true, Icon: "none"})
			continue
		}
		a := m.o.Alerts[i]
		m.put(key+"row", figure{})
		class := map[string]string{live.LevelError: "bad", live.LevelWarning: "warn"}[a.Level]
		m.put(key+"title", figure{Text: a.Title, Icon: a.Level, Class: class})
		m.ago(key+"ago", a.Since)
		m.set(key+"text", a.Text)
	}
}
