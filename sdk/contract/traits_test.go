package contract

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestAssessmentJSON(t *testing.T) {
	finding := []Finding{{Severity: SeverityError, Summary: "s"}}
	for text, want := range map[string]Assessment{
		`[]`:                                   {Findings: []Finding{}},
		`[{"severity":"error","summary":"s"}]`: {Findings: finding},
		` {"findings":[{"severity":"error","summary":"s"}]}`: {Findings: finding},
		`{"findings":[],"traits":{"makes_proof":true,"provides":{"guest":"g"},"requires":{"chain_id":["1","5"]}}}`: {
			Findings: []Finding{}, Traits: &Traits{MakesProof: true, Provides: map[string]string{TraitGuest: "g"},
				Requires: map[string][]string{TraitChainID: {"1", "5"}}}},
	} {
		var got Assessment
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{`5`, `"x"`, `[1]`, `{"findings":1}`} {
		if err := json.Unmarshal([]byte(text), new(Assessment)); err == nil {
			t.Errorf("%s is read as an assessment", text)
		}
	}
}
