package bench

// Comparison is the result of comparing two benchmarks.
type Comparison struct {
	Total  Change        `json:"total"`
	Stages []StageChange `json:"stages"` // the stages of both, in the order of the first benchmark
	// Paired is the number of blocks that both have done. Other blocks do not count.
	Paired int `json:"paired"`
}

// StageChange holds the changes of one stage.
type StageChange struct {
	Name string `json:"name"`
	Run  Change `json:"run"`
	Wait Change `json:"wait"`
}

// Change holds the medians A and B of two benchmarks in milliseconds, and the median of
// the ratios of B to A of each block. The second benchmark is slower when Ratio is above
// 1. Ratio is 0 when no block has a ratio.
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

// pairs holds the values of the same blocks in two benchmarks.
type pairs struct{ a, b, ratios []float64 }

// add adds the values of one block.
func (p *pairs) add(a, b float64) {
	p.a, p.b = append(p.a, a), append(p.b, b)
	if a > 0 {
		p.ratios = append(p.ratios, b/a)
	}
}

// change returns the change over all added blocks.
func (p *pairs) change() Change {
	return Change{A: FiguresOf(p.a).Median, B: FiguresOf(p.b).Median, Ratio: FiguresOf(p.ratios).Median}
}
