package pipeline

import (
	"fmt"
	"slices"

	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// joinBlocks checks which blocks the stages take and fills in the default: the blocks
// for which the builders that a stage needs make an input.
func (p *Pipeline) joinBlocks() (findings Findings) {
	for i := range p.Stages {
		s := &p.Stages[i]
		if s.Kind != contract.KindBuilder && s.Kind != contract.KindProver {
			continue
		}
		if s.Blocks.Empty() {
			findings = append(findings, s.errorAt("/blocks", fmt.Sprintf("there are no %v", s.Blocks), "write the smaller one as from, and the larger one as until"))
			continue
		}
		runs := p.runs(s)
		_, given := s.places["/blocks"]
		switch {
		case !given && len(runs) == 1:
			s.Blocks = runs[0]
		case !given && len(runs) > 1:
			findings = append(findings, s.errorAt(s.nearestKey("/needs", "/plugin"),
				fmt.Sprintf("the builders that %q needs make an input for %s: none does for the blocks between", s.Path(), windows(runs)),
				"let the one end where the other begins, both by number or both by time, or write blocks: here too"))
		case given && len(runs) > 0 && !slices.ContainsFunc(runs, s.Blocks.Within):
			findings = append(findings, s.errorAt("/blocks",
				fmt.Sprintf("%q takes %v, but the builders that it needs make an input for %s only", s.Path(), s.Blocks, windows(runs)),
				"leave the key out for these, or let it need another builder too"))
		}
	}
	return findings
}

// runs returns the blocks for which the builders that a stage needs make an input. It
// joins adjacent windows and sorts them by the chain as far as their order is known.
// The result is empty if the stage needs no builder.
func (p *Pipeline) runs(s *Stage) (runs []selection.Window) {
	for _, name := range p.Upstream(s) {
		if other := p.Stage(name); other.Kind == contract.KindBuilder {
			runs = append(runs, other.Blocks)
		}
	}
	slices.SortStableFunc(runs, func(a, b selection.Window) int {
		if before, _ := a.Before(b); before {
			return -1
		}
		if before, _ := b.Before(a); before {
			return 1
		}
		return 0
	})
	joined := runs[:0]
	for _, w := range runs {
		last := len(joined) - 1
		if last >= 0 {
			before, adjacent := joined[last].Before(w)
			switch {
			case adjacent:
				joined[last].Until = w.Until
				continue
			case !before: // they overlap, which is a finding of checkInputs
				joined[last] = selection.Window{}
				continue
			}
		}
		joined = append(joined, w)
	}
	return joined
}

// windows returns windows for a message: "A and B".
func windows(list []selection.Window) string {
	text := ""
	for i, w := range list {
		if i > 0 {
			text += " and "
		}
		text += w.String()
	}
	return text
}
