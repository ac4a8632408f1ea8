package prover

import (
	"context"
	"errors"
	"testing"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// at begins what a verification runs as when it is called for.
type at struct{ runs []func() }

func (s *at) once(f func()) { s.runs = append(s.runs, f) }

func TestVerdictAhead(t *testing.T) {
	false1 := errors.New("it does not hold")
	key, other := proof.Key{1}, proof.Key{2}
	of := subjectOf([]byte("proof"), true, &key, nil)
	for name, asked := range map[string]subject{
		"other bytes":   subjectOf([]byte("Proof"), true, &key, nil),
		"other kind":    subjectOf([]byte("proof"), false, &key, nil),
		"other program": subjectOf([]byte("proof"), true, &other, nil),
		"no program":    subjectOf([]byte("proof"), true, nil, nil),
		"other setup":   subjectOf([]byte("proof"), true, &key, &other),
	} {
		var a ahead
		a.begin(of, func(f func()) { f() }, func() error { return nil })
		if judged, err := a.verdict(t.Context(), asked); judged || err != nil {
			t.Errorf("%s: a verdict on something else counts: %t, %v", name, judged, err)
		}
		if judged, err := a.verdict(t.Context(), of); !judged || err != nil {
			t.Errorf("%s: then the same: %t, %v", name, judged, err)
		}
		if judged, _ := a.verdict(t.Context(), of); judged {
			t.Errorf("%s: one verdict counts twice", name)
		}
	}

	var a ahead
	var twice at
	a.begin(of, twice.once, func() error { return nil })
	a.begin(of, twice.once, func() error { return nil })
	if len(twice.runs) != 1 {
		t.Errorf("the same is verified %d times", len(twice.runs))
	}
	a = ahead{}
	a.begin(of, func(f func()) { f() }, func() error { return false1 })
	if judged, err := a.verdict(t.Context(), of); !judged || !errors.Is(err, false1) {
		t.Errorf("a proof that does not hold: %t, %v", judged, err)
	}
	a.begin(of, func(f func()) { f() }, func() error { panic("a malformed proof") })
	if judged, err := a.verdict(t.Context(), of); judged || err != nil {
		t.Errorf("a panic counts as a verdict: %t, %v", judged, err)
	}
	var later at
	a.begin(of, later.once, func() error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if judged, err := a.verdict(ctx, of); !judged || sdk.ClassOf(err) != sdk.ClassInterrupted {
		t.Errorf("cancelled before the verdict: %t, %v", judged, err)
	}
}

// TestAheadInVain: where nobody asks for verdicts, none are prepared any more, and again
// once somebody does.
func TestAheadInVain(t *testing.T) {
	var a ahead
	var s at
	begin := func(content string) bool {
		before := len(s.runs)
		a.begin(subjectOf([]byte(content), true, nil, nil), s.once, func() error { return nil })
		return len(s.runs) > before
	}
	if !begin("1") || !begin("2") || begin("3") || begin("4") {
		t.Fatalf("%d verifications were begun, want the first %d", len(s.runs), aheadLimit)
	}
	for _, run := range s.runs {
		run()
	}
	if judged, _ := a.verdict(t.Context(), subjectOf([]byte("4"), true, nil, nil)); judged {
		t.Error("a verdict that was never prepared")
	}
	if !begin("5") || begin("6") {
		t.Error("after somebody has asked: want one more, in the place of the oldest")
	}
	if judged, _ := a.verdict(t.Context(), subjectOf([]byte("1"), true, nil, nil)); judged {
		t.Error("the oldest is still there")
	}
	if judged, _ := a.verdict(t.Context(), subjectOf([]byte("2"), true, nil, nil)); !judged {
		t.Error("the second is not there any more")
	}
}
