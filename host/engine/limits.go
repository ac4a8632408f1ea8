package engine

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// What a plugin may tell of one result, so that a talkative one fills neither the
// checkpoint nor the status.
const (
	maxFacts     = 64
	maxFactName  = 64         // bytes
	maxFactValue = 4 << 10    // bytes
	maxErrorText = 16 << 10   // bytes
	maxPhase     = 64         // bytes
	maxNote      = 256        // bytes
	factLeftOut  = "left_out" // how many facts were too many
)

// boundFacts returns facts within the limits. What is too long is cut, what is too
// much is left out and counted.
func boundFacts(facts map[string]string) map[string]string {
	fits := len(facts) <= maxFacts
	for name, value := range facts {
		fits = fits && len(name) <= maxFactName && len(value) <= maxFactValue
	}
	if fits {
		return facts
	}
	bounded, left := map[string]string{}, 0
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if len(bounded) == maxFacts || len(name) > maxFactName {
			left++
			continue
		}
		bounded[name] = shorten(facts[name], maxFactValue)
	}
	if left > 0 {
		bounded[factLeftOut] = strconv.Itoa(left)
	}
	return bounded
}

// shorten cuts a text to at most so many bytes, between two characters, and marks
// that it did.
func shorten(text string, most int) string {
	const mark = "…"
	if len(text) <= most {
		return text
	}
	cut := most - len(mark)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}
