package record

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Limits of the texts and facts of a plugin that a record keeps.
const (
	MaxText      = 2048 // bytes of a reason or an error
	MaxFacts     = 64   // facts of one record
	MaxFactName  = 64   // bytes
	MaxFactValue = 1024 // bytes
)

// FactLeftOut is the fact that holds the number of facts that BoundFacts left out.
const FactLeftOut = "facts_left_out"

// BoundText shortens a text to at most limit bytes. It cuts between two characters and
// appends how many bytes it left out.
func BoundText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := max(limit-len("… (18446744073709551615 bytes left out)"), 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "… (" + strconv.Itoa(len(text)-end) + " bytes left out)"
}

// BoundFacts returns at most MaxFacts facts, the first in alphabetical order, with
// shortened values. FactLeftOut counts the others. Facts within the limits are returned
// unchanged.
func BoundFacts(facts map[string]string) map[string]string {
	if facts == nil {
		return nil
	}
	bounded, omitted := make(map[string]string, min(len(facts), MaxFacts+1)), 0
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if len(name) > MaxFactName || len(bounded) == MaxFacts {
			omitted++
			continue
		}
		bounded[name] = BoundText(facts[name], MaxFactValue)
	}
	if omitted > 0 {
		bounded[FactLeftOut] = strconv.Itoa(omitted)
	}
	return bounded
}
