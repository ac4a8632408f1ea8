package simulate

// Cost is the cost of the proofs, in the currency of the prices.
type Cost struct {
	// PerProof is the price of all GPUs, working or not, and of their energy, divided by
	// the number of proved targets.
	PerProof float64 `json:"per_proof"`
	PerDay   float64 `json:"per_day"`
	// Site is the cost as EthProofs computes it: the hourly price of the GPUs of a slot
	// multiplied by the mean proving time.
	Site        float64 `json:"site_per_proof"`
	KWhPerProof float64 `json:"kwh_per_proof"`
	KWhPerDay   float64 `json:"kwh_per_day"`
}

// costOf returns the cost of a result, or nil if there are no prices.
func (s *simulation) costOf(r Result) *Cost {
	prices := s.plan.Prices
	if prices == (Prices{}) {
		return nil
	}
	hours := s.end.Sub(genesis).Hours()
	working := s.prover.busy.Hours() * float64(s.plan.GPUsPerProof)
	idle := hours*float64(s.plan.Slots()*s.plan.GPUsPerProof) - working
	energy := (working*prices.Watts + idle*prices.IdleWatts) / 1000
	total := hours*float64(s.plan.GPUs)*prices.GPUHour + energy*prices.KWh
	c := Cost{
		PerDay: millionths(total / hours * 24), KWhPerDay: millionths(energy / hours * 24),
		Site: millionths(float64(s.plan.GPUsPerProof) * prices.GPUHour * r.Proving.Mean / 3600),
	}
	if r.Proved > 0 {
		c.PerProof, c.KWhPerProof = millionths(total/float64(r.Proved)), millionths(energy/float64(r.Proved))
	}
	return &c
}

// millionths rounds to six decimal places.
func millionths(v float64) float64 { return float64(int64(v*1e6+0.5)) / 1e6 }
