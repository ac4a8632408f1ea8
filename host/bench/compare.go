package bench

// Comparison sets two benchmarks beside each other.
type Comparison struct {
	Total  Change        `json:"total"`
	Stages []StageChange `json:"stages"` // that both have, in the order of the first
	// Paired is how many blocks both have done; only these count.
	Paired int `json:"paired"`
}

// StageChange is how the work of a stage differs.
type StageChange struct {
	Name string `json:"name"`
	Run  Change `json:"run"`
	Wait Change `json:"wait"`
}

// Change is the median of two benchmarks in milliseconds, and the median of the ratios of
// the blocks that both have: above 1 the second one is slower. Ratio is 0 where no block
// has one.
type Change struct {
	A     float64 `json:"a"`
	B     float64 `json:"b"`
	Ratio float64 `json:"ratio"`
}

// Compare pairs the blocks of two benchmarks by their hashes.
func Compare(a, b Report) Comparison {
	second := map[string]Block{}
	for _, block := range b.Blocks {
		if block.State == "done" {
			second[block.Hash] = block
		}
	}
	var c Comparison
	var totals pairs
	runs, waits := map[string]*pairs{}, map[string]*pairs{}
	for _, one := range a.Blocks {
		other, both := second[one.Hash]
		if !both || one.State != "done" {
			continue
		}
		c.Paired++
		totals.add(one.TotalMS, other.TotalMS)
		for _, s := range one.Stages {
			for _, t := range other.Stages {
				if s.Name != t.Name {
					continue
				}
				if runs[s.Name] == nil {
					runs[s.Name], waits[s.Name] = &pairs{}, &pairs{}
				}
				runs[s.Name].add(s.RunMS, t.RunMS)
				waits[s.Name].add(s.WaitMS, t.WaitMS)
			}
		}
	}
	c.Total, c.Stages = totals.change(), []StageChange{}
	for _, s := range a.Stages {
		if runs[s.Name] != nil {
			c.Stages = append(c.Stages, StageChange{Name: s.Name, Run: runs[s.Name].change(), Wait: waits[s.Name].change()})
		}
	}
	return c
}

// pairs are values of the same blocks.
type pairs struct{ a, b, ratios []float64 }

func (p *pairs) add(a, b float64) {
	p.a, p.b = append(p.a, a), append(p.b, b)
	if a > 0 {
		p.ratios = append(p.ratios, b/a)
	}
}

func (p *pairs) change() Change {
	return Change{A: FiguresOf(p.a).Median, B: FiguresOf(p.b).Median, Ratio: FiguresOf(p.ratios).Median}
}
