package monitor

import (
	"fmt"
	"time"

	"github.com/proofline/proofline/host/live"
)

// figure is one text of the page with its class, icon, link and time. The page's script
// makes the same figures from the same overview (assets/figures.js), so that it can update
// the elements that the server rendered. A browser test compares the two.
type figure struct {
	Text  string
	Class string
	Icon  string
	Href  string
	Ago   int64 // unix ms; the text says how long ago this time is
	In    int64 // unix ms; the text says how long it is until this time
	Hide  bool
}

// Slots of the first screen. Every list there has a fixed number of slots, so that nothing
// moves when data arrives. The list of GPUs has one slot for each GPU, up to gpuSlots.
const (
	recentSlots    = 5
	attentionSlots = 4
	gpuSlots       = 16
	markSlots      = 6
)

// shownGPUs returns the GPUs that have a row on the first screen.
func shownGPUs(o live.Overview) []live.GPU {
	return o.Hardware.GPUs[:min(len(o.Hardware.GPUs), gpuSlots)]
}

// outcomes holds the icon, the text and the class of each outcome.
var outcomes = map[string][3]string{
	live.Accepted: {"done", "accepted", ""}, live.Late: {"late", "accepted late", "warn"}, live.Done: {"done", "done", ""},
	live.Reporting: {"waiting", "proved, report waits", "m"}, live.Failed: {"error", "failed", "bad"},
	live.Rejected: {"rejected", "report rejected", "bad"}, live.Skipped: {"skip", "skipped", "m"},
	live.Working: {"running", "at work", "acc"}, live.Waiting: {"waiting", "waiting", "m"},
}

// outcomeOrder is the order of the outcomes in the legend.
var outcomeOrder = []string{live.Accepted, live.Done, live.Late, live.Failed, live.Rejected, live.Skipped, live.Reporting, live.Waiting, live.Working}

// stageIcons holds the icon and the class of each state of a stage.
var stageIcons = map[string][2]string{
	"running": {"running", "acc"}, "idle": {"idle", "m"}, "waiting": {"waiting", "m"}, "paused": {"paused", "warn"},
	"stuck": {"warning", "warn"}, "starting": {"starting", "m"}, "down": {"error", "bad"},
}

// stateIcons holds the icon and the class of each state of the pipeline.
var stateIcons = map[string][2]string{
	live.Starting: {"starting", "acc"}, live.Running: {"running", "ok"}, live.Degraded: {"warning", "warn"}, live.Stopping: {"starting", "warn"},
}

// maker makes the figures of an overview. Each of its methods fills in one part of the page.
type maker struct {
	o   live.Overview
	now time.Time
	f   map[string]figure // by name
}

// figures returns the figures of the first screen by their names.
func figures(o live.Overview, now time.Time) map[string]figure {
	m := &maker{o: o, now: now, f: map[string]figure{}}
	m.head()
	m.chain()
	m.latest()
	m.day()
	m.cost()
	m.graph()
	m.proving()
	m.strip()
	for i := range recentSlots {
		m.recent(i)
	}
	m.score()
	m.gpus()
	m.attention()
	return m.f
}

func (m *maker) set(name, text string)        { m.f[name] = figure{Text: text} }
func (m *maker) put(name string, f figure)    { m.f[name] = f }
func (m *maker) ago(name string, t time.Time) { m.f[name] = agoFigure(m.now, t) }

// head fills in the state of the pipeline in the page's header, and its foot.
func (m *maker) head() {
	p := m.o.Pipeline
	icon := stateIcons[p.State]
	if p.Word == "Unhealthy" {
		icon = [2]string{"error", "bad"}
	}
	m.put("word", figure{Text: p.Word, Icon: icon[0], Class: icon[1]})
	m.set("reason", p.Reason)
	m.set("where", p.Name+" · "+p.Host)
	m.set("n-fail", fmt.Sprint(openFailures(m.o)))
	m.set("n-alert", fmt.Sprint(openAlerts(m.o)))
	m.set("foot", fmt.Sprintf("proofline %s · %s · checkpoint %s · read-only", p.Version, p.Select, mib(p.Recorded)))
}

func openFailures(o live.Overview) (n int) {
	for _, f := range o.Failures {
		if f.Open {
			n++
		}
	}
	return n
}

func openAlerts(o live.Overview) (n int) {
	for _, a := range o.Alerts {
		if a.Until.IsZero() {
			n++
		}
	}
	return n
}

// chain fills in the head of the chain and the next target.
func (m *maker) chain() {
	c := m.o.Chain
	if c.Head == 0 {
		m.set("head", "–")
		m.set("head-ago", "waits for the node")
		m.set("head-pace", "")
	} else {
		m.set("head", live.Grouped(c.Head))
		m.ago("head-ago", c.HeadTime)
		m.set("head-pace", "")
		if c.PaceMS > 0 {
			m.set("head-pace", " · a block every "+live.Span(c.PaceMS))
		}
	}
	m.set("next", "–")
	m.set("next-in", "none follows")
	m.set("next-at", "")
	if c.Next > 0 {
		m.put("next", figure{Text: live.Grouped(c.Next), Href: blockLink(c.Next)})
		m.set("next-in", "no estimate yet")
		if !c.NextTime.IsZero() {
			m.put("next-in", figure{Text: inText(c.NextTime.Sub(m.now).Milliseconds()), In: c.NextTime.UnixMilli()})
			m.set("next-at", " · about "+hms(c.NextTime)+" UTC")
		}
	}
}

// latest fills in the last target that was accepted or, in a pipeline without reports, done.
func (m *maker) latest() {
	m.set("latest-label", "Latest accepted")
	if !m.o.Pipeline.Reports {
		m.set("latest-label", "Latest done")
	}
	m.set("latest", "–")
	m.set("latest-ago", "none yet")
	m.set("latest-took", "")
	for _, t := range m.o.Targets {
		if t.Outcome == live.Accepted || t.Outcome == live.Late || t.Outcome == live.Done {
			m.put("latest", figure{Text: live.Grouped(t.Number), Href: blockLink(t.Number)})
			m.ago("latest-ago", t.Time.Add(time.Duration(t.TotalMS)*time.Millisecond))
			m.set("latest-took", " · took "+live.Span(t.TotalMS))
			break
		}
	}
}

// day fills in the number of accepted targets of the last 24 hours.
func (m *maker) day() {
	d := m.o.Day
	label := "Accepted"
	if !m.o.Pipeline.Reports {
		label = "Done"
	}
	m.set("day-label", label+" in 24 h")
	m.set("day", "–")
	m.set("day-of", "")
	m.set("day-sub", "none yet")
	if d.Targets > 0 {
		m.set("day", live.Grouped(d.Accepted))
		m.set("day-of", " of "+live.Grouped(d.Targets)+" targets")
		m.set("day-sub", "median "+live.Span(d.MedianMS)+" from block")
	}
}

// cost fills in the mean cost of a proof, its mean energy where no price is known, or the
// number of failed targets where no energy is measured.
func (m *maker) cost() {
	d := m.o.Day
	switch {
	case d.Cost > 0:
		m.set("cost-label", "Cost per proof")
		m.set("cost", fixed(d.Cost, 4))
		m.set("cost-unit", " "+d.Currency)
		m.set("cost-sub", fixed(d.EnergyWh, 1)+" Wh, 24 h mean")
	case d.EnergyWh > 0:
		m.set("cost-label", "Energy per proof")
		m.set("cost", fixed(d.EnergyWh, 1))
		m.set("cost-unit", " Wh")
		m.set("cost-sub", "24 h mean, GPUs")
	default:
		m.set("cost-label", "Failed in 24 h")
		m.set("cost", live.Grouped(d.Failed))
		m.set("cost-unit", "")
		m.set("cost-sub", fmt.Sprintf("%d rejected · %d skipped", d.Rejected, d.Skipped))
	}
}

// graph fills in the stages, the outbox and the machine.
func (m *maker) graph() {
	paused, shadows := 0, 0
	for _, s := range m.o.Stages {
		key := "stage." + s.Name + "."
		icon := stageIcons[s.State]
		m.put(key+"icon", figure{Icon: icon[0], Class: icon[1]})
		class := ""
		if s.State == "paused" || s.State == "stuck" {
			class = "warn"
		} else if s.State == "down" {
			class = "bad"
		}
		m.put(key+"doing", figure{Text: s.Doing, Class: class})
		m.set(key+"queue", "queue "+live.Grouped(s.Queue))
		m.set(key+"restarts", fmt.Sprintf("restarts %d", s.Restarts))
		m.set(key+"memory", "")
		if s.Memory > 0 {
			m.set(key+"memory", mib(s.Memory))
		}
		if s.State == "paused" || s.State == "down" {
			paused++
		}
		if s.Flag == "shadow" {
			shadows++
		}
	}
	text := fmt.Sprintf("%d stages", len(m.o.Stages))
	if paused > 0 {
		text += fmt.Sprintf(" · %d not working", paused)
	}
	if shadows > 0 {
		text += fmt.Sprintf(" · %d shadow", shadows)
	}
	m.set("graph-sub", text)
	h := m.o.Hardware
	m.set("outbox", "empty")
	if n := m.o.Outbox.Waiting; n > 0 {
		m.set("outbox", live.Grouped(n)+" reports wait")
	}
	m.set("outbox-sub", m.o.Outbox.Text)
	m.set("machine", fmt.Sprintf("CPU %s %% · memory %s of %s GiB", fixed(h.CPUPercent, 0), fixed(gib(h.MemoryUsed), 0), fixed(gib(h.MemoryTotal), 0)))
	m.set("machine-sub", fmt.Sprintf("disk %s of %s TB free", fixed(float64(h.DiskFree)/1e12, 2), fixed(float64(h.DiskTotal)/1e12, 2)))
	m.set("day-late", fmt.Sprintf("%d late · %d failed", m.o.Day.Late, m.o.Day.Failed))
	m.set("day-skipped", fmt.Sprintf("%d rejected · %d skipped", m.o.Day.Rejected, m.o.Day.Skipped))
}

// proving fills in the block that is at work, or the next one.
func (m *maker) proving() {
	p := m.o.Proving
	for i := range markSlots {
		m.put(fmt.Sprintf("mark.%d.name", i), figure{Hide: true})
		m.put(fmt.Sprintf("mark.%d.at", i), figure{Hide: true})
	}
	if p == nil {
		m.set("now-title", "Next to work on")
		m.put("now-number", m.f["next"])
		m.set("now-sub", "")
		m.set("now-predicted", "nothing at work now")
		m.set("now-none", "Elapsed time will run here against the prediction from the block’s gas.")
		m.put("now-step", figure{Hide: true})
		return
	}
	m.set("now-title", map[bool]string{true: "Now proving", false: "Now at work"}[m.o.Pipeline.Proves])
	m.put("now-number", figure{Text: live.Grouped(p.Number), Href: blockLink(p.Number)})
	m.set("now-sub", fmt.Sprintf(" · %s · %s transactions · %s…", mgas(p.Gas), live.Grouped(p.Txs), p.Hash[:min(10, len(p.Hash))]))
	m.set("now-predicted", "in "+p.Stage)
	if p.PredictedMS > 0 {
		m.set("now-predicted", live.Span(p.PredictedMS)+" predicted")
	}
	step := "step " + p.Step
	if p.Fraction > 0 {
		step += fmt.Sprintf(", %s %%", fixed(100*p.Fraction, 0))
	}
	m.set("now-step", step)
	m.put("now-none", figure{Hide: true})
	for i, mark := range p.Marks[:min(len(p.Marks), markSlots)] {
		m.set(fmt.Sprintf("mark.%d.name", i), mark.Name+" ")
		m.set(fmt.Sprintf("mark.%d.at", i), "+"+live.Span(mark.AtMS))
	}
}

// strip fills in the number of recent targets of each outcome.
func (m *maker) strip() {
	counts := map[string]int{}
	reorgs := 0
	for _, t := range m.o.Targets {
		counts[t.Outcome]++
		if t.AfterReorg {
			reorgs++
		}
	}
	for _, o := range outcomeOrder {
		style := outcomes[o]
		m.put("count."+o, figure{Text: fmt.Sprintf("%d %s", counts[o], style[1]), Icon: style[0], Class: style[2], Hide: counts[o] == 0})
	}
	m.put("count.reorg", figure{Text: fmt.Sprintf("%d after reorg", reorgs), Icon: "reorg", Hide: reorgs == 0})
	m.put("strip-none", figure{Text: "none yet", Hide: len(m.o.Targets) > 0})
}

// recent fills in row i of the recent targets.
func (m *maker) recent(i int) {
	key := fmt.Sprintf("recent.%d.", i)
	names := []string{"number", "time", "ago", "gas", "outcome", "proving", "total", "attempts", "remark"}
	for _, name := range names {
		m.put(key+name, figure{})
	}
	m.put(key+"outcome", figure{Icon: "none", Class: "o"})
	if i >= len(m.o.Targets) {
		if i == 0 {
			m.set(key+"time", "none yet")
		}
		return
	}
	t := m.o.Targets[i]
	m.put(key+"number", figure{Text: live.Grouped(t.Number), Href: blockLink(t.Number)})
	m.set(key+"time", clock(m.now, t.Time)+" UTC · ")
	m.ago(key+"ago", t.Time)
	m.set(key+"gas", mgas(t.Gas))
	style := outcomes[t.Outcome]
	m.put(key+"outcome", figure{Text: style[1], Icon: style[0], Class: "o " + style[2]})
	m.set(key+"proving", dash(t.ProvingMS))
	m.set(key+"total", dash(t.TotalMS))
	m.set(key+"attempts", fmt.Sprint(t.Attempts))
	m.set(key+"remark", t.Remark)
	if t.AfterReorg && t.Remark == "" {
		m.set(key+"remark", "after reorg")
	}
}
