package tool_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/sdk"
)

func TestStreak(t *testing.T) {
	failure := func(kind zisk.Kind, code zisk.Code) *zisk.Failure {
		return &zisk.Failure{Kind: kind, Code: code, Summary: "it failed"}
	}
	panicked := failure(zisk.Transient, zisk.CodePanic)
	killed := failure(zisk.Transient, zisk.CodeKilled)
	refused := failure(zisk.Guest, zisk.CodeGuest)
	crashed := failure(zisk.Guest, zisk.CodeGuestCrash)
	cuda := failure(zisk.Machine, zisk.CodeCUDA)
	type step struct {
		job  string
		fail *zisk.Failure // nil for a success
		want sdk.Class
	}
	for name, steps := range map[string][]step{
		"one block again and again":     {{"1", panicked, sdk.ClassRetryable}, {"1", panicked, sdk.ClassRetryable}, {"1", panicked, sdk.ClassRetryable}},
		"two blocks alike":              {{"1", panicked, sdk.ClassRetryable}, {"2", panicked, sdk.ClassEnvironment}, {"1", panicked, sdk.ClassEnvironment}},
		"two blocks unlike":             {{"1", panicked, sdk.ClassRetryable}, {"2", killed, sdk.ClassRetryable}},
		"a success between":             {{"1", panicked, sdk.ClassRetryable}, {"3", nil, ""}, {"2", panicked, sdk.ClassRetryable}},
		"a success ends the streak":     {{"1", panicked, sdk.ClassRetryable}, {"2", panicked, sdk.ClassEnvironment}, {"3", nil, ""}, {"1", panicked, sdk.ClassRetryable}},
		"guests alike":                  {{"1", refused, sdk.ClassPermanent}, {"2", refused, sdk.ClassEnvironment}, {"3", nil, ""}, {"2", refused, sdk.ClassPermanent}},
		"a service crashes once":        {{"1", crashed, sdk.ClassRetryable}, {"1", nil, ""}},
		"a service crashes twice":       {{"1", crashed, sdk.ClassRetryable}, {"1", crashed, sdk.ClassPermanent}},
		"the machine":                   {{"1", cuda, sdk.ClassEnvironment}, {"1", cuda, sdk.ClassEnvironment}, {"2", cuda, sdk.ClassEnvironment}},
		"one block that kills the card": {{"1", cuda, sdk.ClassEnvironment}, {"2", nil, ""}, {"1", cuda, sdk.ClassRetryable}},
		"a new fault after a success":   {{"1", cuda, sdk.ClassEnvironment}, {"2", nil, ""}, {"3", cuda, sdk.ClassEnvironment}},
		"its own success":               {{"1", cuda, sdk.ClassEnvironment}, {"1", nil, ""}, {"1", cuda, sdk.ClassEnvironment}},
	} {
		t.Run(name, func(t *testing.T) {
			var s tool.Streak
			for i, step := range steps {
				if step.fail == nil {
					s.Succeeded(step.job)
					continue
				}
				if err := s.Failed(step.job, step.fail); sdk.ClassOf(err) != step.want {
					t.Errorf("step %d: %v is %s, want %s", i+1, err, sdk.ClassOf(err), step.want)
				}
			}
		})
	}
}

// TestStreakSuspects checks that the inputs of a failed guest are made anew once.
func TestStreakSuspects(t *testing.T) {
	for _, code := range []zisk.Code{zisk.CodeGuest, zisk.CodeGuestCrash} {
		var s tool.Streak
		f := &zisk.Failure{Kind: zisk.Guest, Code: code, Summary: "it failed"}
		e, ok := errors.AsType[*sdk.Error](s.Failed("1", f, "witness.json"))
		if !ok || e.Class != sdk.ClassRetryable || !slices.Equal(e.Stale, []string{"witness.json"}) {
			t.Errorf("%s: %+v", code, e)
		}
		if err := s.Failed("1", f, "witness.json"); sdk.ClassOf(err) != sdk.ClassPermanent {
			t.Errorf("%s again: %v", code, err)
		}
	}
	var s tool.Streak
	f := &zisk.Failure{Kind: zisk.Transient, Code: zisk.CodePanic, Summary: "it failed"}
	if e, _ := errors.AsType[*sdk.Error](s.Failed("1", f, "witness.json")); len(e.Stale) > 0 {
		t.Errorf("a fault of the tool made %v stale", e.Stale)
	}
}
