package launch

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

func TestDeathDuringWork(t *testing.T) {
	for job, want := range map[string]string{
		"exit": "exit status 7; it wrote: fatal error: out of memory",
		"kill": "ended: killed by SIGKILL",
	} {
		t.Run(job, func(t *testing.T) {
			p := launch(t, chaosSpec(t, ""))
			began := time.Now()
			_, err := p.Do(t.Context(), task(t, job), ignore)
			t.Logf("noticed after %v", time.Since(began).Round(time.Millisecond))
			if contract.ClassOf(err) != contract.ClassInterrupted || !strings.Contains(err.Error(), want) {
				t.Errorf("%v (%v)", err, contract.ClassOf(err))
			}
			awaitDone(t, p)
			if !strings.Contains(p.Err().Error(), want) {
				t.Error(p.Err())
			}
		})
	}
}

func TestSilentCallCostsTheProcess(t *testing.T) {
	for _, job := range []string{"silent", "freeze"} {
		t.Run(job, func(t *testing.T) {
			spec := chaosSpec(t, "")
			spec.HeartbeatTimeout, spec.Grace = 200*time.Millisecond, 200*time.Millisecond
			p := launch(t, spec)
			_, err := p.Do(t.Context(), task(t, job), ignore)
			if contract.ClassOf(err) != contract.ClassInterrupted || !strings.Contains(err.Error(), "no sign of life from prove") {
				t.Errorf("%v", err)
			}
			awaitDone(t, p)
			wantGone(t, p.PID(), p.KeeperPID())
		})
	}
}

func TestCancelledCallWaitsForItsHandler(t *testing.T) {
	p := launch(t, chaosSpec(t, ""))
	ctx, cancel := context.WithCancelCause(t.Context())
	reorg := errors.New("the block was orphaned")
	patient := task(t, "patient")
	_, err := p.Do(ctx, patient, func(contract.WorkEvent) error { cancel(reorg); return nil })
	if contract.ClassOf(err) != contract.ClassInterrupted || !errors.Is(err, reorg) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(patient.Dir, "tidied")); err != nil {
		t.Error("the call ended before its handler: ", err)
	}

	nonsense := task(t, "nonsense")
	_, err = p.Do(t.Context(), nonsense, ignore)
	if contract.ClassOf(err) != contract.ClassPermanent || !strings.Contains(err.Error(), "breaks the protocol") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(nonsense.Dir, "tidied")); err != nil {
		t.Error("the call ended before its handler: ", err)
	}

	full := errors.New("disk full")
	patient = task(t, "patient")
	_, err = p.Do(t.Context(), patient, func(contract.WorkEvent) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(patient.Dir, "tidied")); err != nil {
		t.Error("the call ended before its handler: ", err)
	}
	if !alive(p.PID()) {
		t.Error("a plugin that obeys was stopped")
	}
}

func TestHandlerThatIgnoresCancellation(t *testing.T) {
	spec := chaosSpec(t, "")
	spec.Grace = 100 * time.Millisecond
	p := launch(t, spec)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.Do(ctx, task(t, "stubborn"), func(contract.WorkEvent) error { cancel(); return nil })
	if contract.ClassOf(err) != contract.ClassInterrupted {
		t.Errorf("%v", err)
	}
	awaitDone(t, p)
	if !strings.Contains(p.Err().Error(), "after it was cancelled") {
		t.Error(p.Err())
	}
}

// TestStageStartsItsPluginAgain shows with a real plugin that a crash ends the call and
// not the stage.
func TestStageStartsItsPluginAgain(t *testing.T) {
	spec := chaosSpec(t, "")
	spec.Log = slog.New(slog.DiscardHandler)
	s, err := StartStage(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := s.State().PID
	for _, job := range []string{"kill", "exit"} {
		if _, err := s.Do(t.Context(), task(t, job), ignore); contract.ClassOf(err) != contract.ClassInterrupted {
			t.Errorf("%v", err)
		}
		if _, err := s.Do(t.Context(), task(t, "count"), ignore); err != nil {
			t.Errorf("after %s: %v", job, err)
		}
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := s.State(); first == state.PID || alive(first) || state.Restarts != 2 {
		t.Errorf("first %d, now: %+v", first, state)
	}
	if h, err := s.Health(t.Context()); err != nil || h.State != contract.HealthReady {
		t.Errorf("%+v %v", h, err)
	}
	if err := s.Verify(t.Context(), task(t, ""), nil); err != nil {
		t.Error(err)
	}
}
