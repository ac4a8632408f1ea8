package live

import (
	"slices"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// columns of the graph: sources, builders and gates, proofs, reporters.
const columns = 4

// place gives every stage its place in the graph, and the edges that lead to it: a
// column by its kind and what it needs, rows in the order of the file. proofs names
// the stages whose proofs each reporter is handed.
func place(stages []status.Stage, proofs map[string][]string) []Stage {
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
			card.After = append(card.After, reportedOf(stages, proofs[s.Name])...)
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

// reportedOf lists the stages that a reporter tells of: the proof stages, else the last
// working stages.
func reportedOf(stages []status.Stage, proofs []string) (from []string) {
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
