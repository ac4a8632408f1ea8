package live

import (
	"slices"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// columns is the number of columns of the graph: sources, builders and gates, provers,
// reporters.
const columns = 4

// placeStages returns every stage with its place in the graph and the edges that lead
// to it. The column follows from its kind, the rows from the order of the file. proofs
// are the names of the stages whose proofs each reporter gets.
func placeStages(stages []status.Stage, proofs map[string][]string) []Stage {
	cards := make([]Stage, 0, len(stages))
	rows := map[int]int{}
	for _, s := range stages {
		card := Stage{Name: s.Name, Kind: s.Kind, Plugin: s.Plugin, Version: s.Version, After: []string{}}
		card.After = append(card.After, s.Needs...)
		for _, gate := range s.Confirm {
			if !slices.Contains(card.After, gate) {
				card.After = append(card.After, gate)
			}
		}
		switch {
		case s.Kind == contract.KindSource:
			card.Column = 1
		case s.Kind == contract.KindReporter:
			card.Column = columns
			card.After = append(card.After, reportedStages(stages, proofs[s.Name])...)
		case s.Kind == contract.KindProver && (s.MakesProof || s.Shadow):
			card.Column = 3
		default:
			card.Column = 2
		}
		switch {
		case s.Shadow:
			card.Flag = "shadow"
		case s.Kind == contract.KindProver && !s.MakesProof:
			card.Flag = "gate"
		}
		rows[card.Column]++
		card.Row = rows[card.Column]
		cards = append(cards, card)
	}
	return cards
}

// reportedStages returns the stages from which edges lead to a reporter: the proof
// stages, or the last working stage if there are none.
func reportedStages(stages []status.Stage, proofs []string) (from []string) {
	last := ""
	for _, s := range stages {
		if s.Kind == contract.KindReporter || s.Shadow {
			continue
		}
		last = s.Name
		if s.MakesProof && (len(proofs) == 0 || slices.Contains(proofs, s.Name)) {
			from = append(from, s.Name)
		}
	}
	if len(from) == 0 && last != "" {
		from = []string{last}
	}
	return from
}
