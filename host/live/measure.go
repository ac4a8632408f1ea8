package live

import (
	"maps"
	"slices"
	"time"

	"github.com/proofline/proofline/host/status"
)

// gpuReading is the result of queryGPUs.
type gpuReading struct {
	cards []GPU
	err   error
}

// measureStages measures the memory of the stages and the energy of the running proofs.
func (m *Model) measureStages(snap status.Snapshot, now time.Time, h Hardware) {
	pids := map[string]int{}
	list := []int{}
	for _, s := range snap.Stages {
		pids[s.Name] = s.PID
		list = append(list, s.PID)
	}
	if m.measuredAt.IsZero() || now.Sub(m.measuredAt) >= pauseMachine || !maps.Equal(pids, m.pids) {
		m.memory = m.machine.treeMemory(list)
		m.pids = pids
	}
	if h.Watts > 0 && !m.measuredAt.IsZero() {
		for _, s := range snap.Stages {
			for _, a := range s.Running {
				if s.MakesProof && !s.Shadow {
					m.energy[a.Job] += h.Watts * now.Sub(m.measuredAt).Hours() / float64(len(s.Running))
				}
			}
		}
	}
	for id := range m.energy {
		if _, known := m.window.targets[id]; !known {
			delete(m.energy, id)
		}
	}
	m.measuredAt = now
}

// fillCost fills in energy and cost of a proof, as means of the last day.
func (m *Model) fillCost(o *Overview) {
	n, ms := 0, int64(0)
	for _, t := range m.window.targets {
		if wh := m.energy[t.Job]; t.ProvingMS > 0 && wh > 0 {
			o.Day.EnergyWh += wh
			ms += t.ProvingMS
			n++
		}
	}
	if n == 0 {
		return
	}
	o.Day.EnergyWh = round(o.Day.EnergyWh/float64(n), 0.01)
	if m.cfg.KWhPrice+m.cfg.GPUHourPrice > 0 {
		hours := float64(ms) / float64(n) / 3.6e6
		o.Day.Cost = round(o.Day.EnergyWh/1000*m.cfg.KWhPrice+hours*float64(len(o.Hardware.GPUs))*m.cfg.GPUHourPrice, 0.000001)
		o.Day.Currency = m.cfg.Currency
	}
}

// applyGPUs puts a reading of the GPUs into h. A card of the last reading that is not in
// this one is marked as lost.
func (m *Model) applyGPUs(h *Hardware, r gpuReading, now time.Time) {
	if !m.gpusReadAt.IsZero() {
		h.Joules = round(h.Joules+h.Watts*now.Sub(m.gpusReadAt).Seconds(), 1)
	}
	m.gpusReadAt, h.GPUNote = now, ""
	if r.err != nil {
		h.GPUNote = r.err.Error()
	}
	for _, old := range h.GPUs {
		if !slices.ContainsFunc(r.cards, func(g GPU) bool { return g.Index == old.Index }) {
			r.cards = append(r.cards, GPU{Index: old.Index, Name: old.Name, Lost: true, Percent: -1, Celsius: -1, Watts: -1, MemoryUsed: -1, MemoryTotal: old.MemoryTotal})
		}
	}
	slices.SortFunc(r.cards, func(a, b GPU) int { return a.Index - b.Index })
	h.GPUs = r.cards
	if h.GPUs == nil {
		h.GPUs = []GPU{}
	}
	sum := readingOf(now.UTC(), h.GPUs)
	h.Watts = sum.Watts
	if len(h.GPUs) > 0 {
		m.mu.Lock()
		m.readings = append(m.readings, sum)
		if len(m.readings) > 3*keptReadings { // every 5 s, an hour
			m.readings = slices.Clone(m.readings[len(m.readings)-3*keptReadings:])
		}
		m.mu.Unlock()
	}
}
