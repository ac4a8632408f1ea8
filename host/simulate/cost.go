package simulate

// Cost is what the proofs cost, in the currency of the prices.
type Cost struct {
	// PerProof is all that the GPUs cost, working or not, and their energy, by the
	// targets that were proved.
	PerProof float64 `json:"per_proof"`
	PerDay   float64 `json:"per_day"`
	// Site is what EthProofs shows: the GPUs of a slot by their hourly price by the mean
	// proving time.
	Site        float64 `json:"site_per_proof"`
	KWhPerProof float64 `json:"kwh_per_proof"`
	KWhPerDay   float64 `json:"kwh_per_day"`
}

// cost is nil without prices.
func (s *simulation) cost(r Result) *Cost {
	prices := s.plan.Prices
	if prices == (Prices{}) {
		return nil
	}
	hours := s.end.Sub(genesis).Hours()
	working := s.prover.busy.Hours() * float64(s.plan.GPUsPerProof)
	idle := hours*float64(s.plan.Slots()*s.plan.GPUsPerProof) - working
	energy := (working*prices.Watts + idle*prices.IdleWatts) / 1000
	all := hours*float64(s.plan.GPUs)*prices.GPUHour + energy*prices.KWh
	c := Cost{
		PerDay: millionths(all / hours * 24), KWhPerDay: millionths(energy / hours * 24),
		Site: millionths(float64(s.plan.GPUsPerProof) * prices.GPUHour * r.Proving.Mean / 3600),
	}
	if r.Proved > 0 {
		c.PerProof, c.KWhPerProof = millionths(all/float64(r.Proved)), millionths(energy/float64(r.Proved))
	}
	return &c
}

func millionths(v float64) float64 { return float64(int64(v*1e6+0.5)) / 1e6 }
