package record

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Bounds of what is kept of the words and facts that a plugin hands out, in bytes
// where nothing else is said.
const (
	MaxText      = 2048 // of a reason or an error
	MaxFacts     = 64   // facts of one record
	MaxFactName  = 64
	MaxFactValue = 1024
)

// FactLeftOut is the fact that counts what BoundFacts left out.
const FactLeftOut = "facts_left_out"

// BoundText shortens a text to at most limit bytes between two characters, and
// says how many bytes it left out.
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

// BoundFacts returns facts within the bounds: those with the first names in
// alphabetical order, with shortened values. Facts beyond the bounds are counted
// under FactLeftOut. Facts within the bounds are returned as they are.
func BoundFacts(facts map[string]string) map[string]string {

	bounded, left := make(map[string]string, min(len(facts), MaxFacts+1)), 0
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if len(name) > MaxFactName || len(bounded) == MaxFacts {
			left++
			continue
		}
		bounded[name] = BoundText(facts[name], MaxFactValue)
	}
	if left > 0 {
		bounded[FactLeftOut] = strconv.Itoa(left)
	}
	if facts == nil {
		return nil
	}
	return bounded
}
