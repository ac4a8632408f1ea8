package prover_test

import (
	"os"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk"
)

// TestProgramKeyIsLearned has a set-up that prints no key: the first verified
// proof gives it, and a proof of another program is refused from then on, also
// after a restart. Another guest program has another key.
func TestProgramKeyIsLearned(t *testing.T) {
	const version = "1.0.0-beta"
	good := zisktest.Scenario{Version: version, QuietSetup: true}
	for _, setup := range []string{"auto", "skip"} {
		t.Run("setup "+setup, func(t *testing.T) {
			b := newBench(t, good, map[string]any{"setup": setup})
			p, task := b.open(), b.attempt(version)
			result, err := p.Prove(t.Context(), task.Task)
			if err != nil {
				t.Fatal(err)
			}
			wrong := good
			wrong.Fail = double.WrongProgram
			b.tool.Set(t, wrong)
			if _, err := p.Prove(t.Context(), b.attempt(version).Task); err != nil {
				t.Errorf("before any proof was verified: %v", err)
			}
			b.tool.Set(t, good)
			if err := p.Verify(t.Context(), b.verification(task, result)); err != nil {
				t.Fatal(err)
			}
			b.tool.Set(t, wrong)
			for range 2 {
				_, err = p.Prove(t.Context(), b.attempt(version).Task)
				if class(err) != sdk.ClassRetryable || !strings.Contains(err.Error(), "of the program") {
					t.Errorf("got %v", err)
				}
				p = b.open()
			}
			if err := os.WriteFile(b.elf, []byte("another guest program"), 0o600); err != nil {
				t.Fatal(err)
			}
			b.tool.Set(t, good)
			if _, err := b.open().Prove(t.Context(), b.attempt(version).Task); err != nil {
				t.Errorf("another guest: %v", err)
			}
		})
	}
}
