package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// fake is an instance in virtual time.
type fake struct {
	done     chan struct{}
	end      sync.Once
	err      error
	health   func() (contract.Health, error)
	lastSign time.Time
}

func newFake() *fake {
	return &fake{done: make(chan struct{}), lastSign: time.Now(), err: errors.New("exit status 2"),
		health: func() (contract.Health, error) { return contract.Health{State: contract.HealthReady}, nil }}
}

func (f *fake) crash()                     { f.end.Do(func() { close(f.done) }) }
func (f *fake) crashAfter(d time.Duration) { time.AfterFunc(d, f.crash) }
func (f *fake) Done() <-chan struct{}      { return f.done }
func (f *fake) Err() error                 { return f.err }
func (f *fake) Stop(context.Context) error { f.crash(); return nil }
func (f *fake) serves() bool               { return true }
func (f *fake) stopHung(err error)         { f.err = err; f.crash() }
func (f *fake) silence() time.Duration     { return time.Since(f.lastSign) }
func (f *fake) info() (int, int, contract.Traits) {
	return 42, 41, contract.Traits{MakesProof: true, Note: "dry run"}
}
func (f *fake) Health(context.Context) (contract.Health, error) {
	h, err := f.health()
	if err == nil {
		f.lastSign = time.Now()
	}
	return h, err
}

// supervised starts a stage with a launch function and records its state changes.
type supervised struct {
	*Stage
	mu      sync.Mutex
	changes []StageState
}

func supervise(t *testing.T, launch func(ctx context.Context) (instance, error)) *supervised {
	spec, err := Spec{Stage: "prove", Binary: catalog.Binary{Name: "prover-x",
		Manifest: contract.Manifest{Kind: contract.KindProver, Version: "1.2.3"}}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s := &supervised{}
	s.Stage = startStage(t.Context(), spec,
		func(state StageState) { s.mu.Lock(); s.changes = append(s.changes, state); s.mu.Unlock() },
		func(ctx context.Context, _ Spec) (instance, error) { return launch(ctx) })
	return s
}

func (s *supervised) states() (states []status.StageState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.changes {
		if len(states) == 0 || states[len(states)-1] != c.State {
			states = append(states, c.State)
		}
	}
	return states
}

func TestStageReadyAndStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s := supervise(t, func(context.Context) (instance, error) {
			time.Sleep(2 * time.Second)
			return f, nil
		})
		began := time.Now()
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("ready after %v", waited)
		}
		want := StageState{Name: "prove", Kind: contract.KindProver, Plugin: "prover-x", Version: "1.2.3",
			PID: 42, KeeperPID: 41, State: status.StageReady, Since: time.Now(), Note: "dry run", MakesProof: true}
		if diff := cmp.Diff(want, s.State()); diff != "" {
			t.Error(diff)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Ready(t.Context()); !errors.Is(err, ErrStopped) || contract.ClassOf(err) != contract.ClassInterrupted {
			t.Error(err)
		}
		if got := s.State(); got.State != status.StageStopped || got.PID != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestStageStopsWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := supervise(t, func(ctx context.Context) (instance, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		})
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]status.StageState{status.StageStopped}, s.states()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStageHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		answer, failure := contract.Health{State: contract.HealthUnavailable, Detail: "node down"}, error(nil)
		var mu sync.Mutex
		f.health = func() (contract.Health, error) { mu.Lock(); defer mu.Unlock(); return answer, failure }
		set := func(h contract.Health, err error) { mu.Lock(); answer, failure = h, err; mu.Unlock() }
		s := supervise(t, func(context.Context) (instance, error) { return f, nil })
		defer s.Stop(t.Context())

		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Ready(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an unavailable plugin is ready: %v", err)
		}
		if got := s.State(); got.State != status.StageUnavailable || got.LastError != "node down" {
			t.Errorf("%+v", got)
		}
		set(contract.Health{State: contract.HealthReady}, nil)
		if err := s.Ready(t.Context()); err != nil || s.State().LastError != "" {
			t.Errorf("%v %+v", err, s.State())
		}
		set(contract.Health{State: contract.HealthReady, Detail: "the head is old"}, nil)
		time.Sleep(healthInterval)
		synctest.Wait()
		if got := s.State(); got.State != status.StageReady || got.LastError != "the head is old" {
			t.Errorf("%+v", got)
		}
		set(contract.Health{}, errors.New("no answer"))
		time.Sleep(healthInterval)
		synctest.Wait()
		if got := s.State(); got.State != status.StageDegraded || got.LastError != "health: no answer" {
			t.Errorf("%+v", got)
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("a degraded plugin takes no work: %v", err)
		}
		// A plugin that is silent for longer than the heartbeat timeout hangs.
		time.Sleep(DefaultHeartbeatTimeout + 2*healthInterval)
		<-f.Done()
		if f.Err() == nil || s.State().LastError == "" {
			t.Errorf("%v", f.Err())
		}
	})
}

// TestStageQuarantine: a plugin that crashes at once every time is set aside at the fifth crash, and
// tried again after the quarantine.
func TestStageQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Time
		s := supervise(t, func(context.Context) (instance, error) {
			starts = append(starts, time.Now())
			return nil, fmt.Errorf("crash %d", len(starts))
		})
		time.Sleep(quarantineWindow / 2)
		synctest.Wait()
		if got := s.State(); got.State != status.StageQuarantined || got.LastError != "crash 5" || len(starts) != 5 || got.Restarts != 4 {
			t.Fatalf("%+v after %d starts", got, len(starts))
		}
		for i, longest := range []time.Duration{firstPause, 2 * firstPause, 4 * firstPause, 8 * firstPause} {
			if pause := starts[i+1].Sub(starts[i]); pause > longest {
				t.Errorf("pause %d is %v, at most %v", i, pause, longest)
			}
		}
		set := s.State().Since
		time.Sleep(quarantinePause)
		synctest.Wait()
		if len(starts) < 6 || starts[5].Sub(set) != quarantinePause {
			t.Errorf("the sixth start was at %v", starts[5:])
		}
		for s.State().State != status.StageQuarantined {
			time.Sleep(time.Second)
		}
		before := len(starts)
		s.Restart()
		synctest.Wait()
		if len(starts) != before+1 {
			t.Errorf("%d starts after Restart", len(starts)-before)
		}
		_ = s.Stop(t.Context())
	})
}

// TestStageSettles: crashes far apart never lead to quarantine, and the back-off starts anew.
func TestStageSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ends []time.Time
		var pauses []time.Duration
		s := supervise(t, func(context.Context) (instance, error) {
			if len(ends) > 0 {
				pauses = append(pauses, time.Since(ends[len(ends)-1]))
			}
			ends = append(ends, time.Now().Add(stableAfter))
			f := newFake()
			f.crashAfter(stableAfter)
			return f, nil
		})
		time.Sleep(20 * stableAfter)
		_ = s.Stop(t.Context())
		if len(pauses) < 15 {
			t.Errorf("%d restarts", len(pauses))
		}
		for _, pause := range pauses {
			if pause > firstPause {
				t.Errorf("paused for %v", pause)
			}
		}
	})
}

// TestStageWorkResetsFailures: a task that was done resets the failures of the plugin.
func TestStageWorkResetsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		s := supervise(t, func(context.Context) (instance, error) {
			starts++
			f := newFake()
			f.crashAfter(time.Second)
			return f, nil
		})
		for range 20 {
			if err := s.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = s.recordWork(nil)
			time.Sleep(2 * time.Second)
		}
		for _, state := range s.states() {
			if state == status.StageQuarantined {
				t.Fatalf("set aside after %d starts", starts)
			}
		}
		_ = s.Stop(t.Context())
	})
}

// TestStageWaitsForItsEnvironment: an error of class environment is no crash, and the
// stage tries again.
func TestStageWaitsForItsEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		s := supervise(t, func(context.Context) (instance, error) {
			starts++
			return nil, contract.Environment(errors.New("no GPU"), "load the driver")
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := s.State(); got.State != status.StageBackoff || got.LastError != "no GPU (load the driver)" {
			t.Errorf("%+v", got)
		}
		if starts < 60 {
			t.Errorf("%d starts in an hour", starts)
		}
		_ = s.Stop(t.Context())
	})
}

func TestPolicy(t *testing.T) {
	p := newPolicy()
	p.random = func() float64 { return 1 }
	at := time.Now()
	for i, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second} {
		if pause, quarantined := p.recordEnd(at, true); pause != want || quarantined {
			t.Errorf("crash %d: %v %v", i, pause, quarantined)
		}
	}
	at = at.Add(quarantineWindow) // the four are too old to count
	for i, want := range []time.Duration{8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute} {
		if pause, quarantined := p.recordEnd(at, true); pause != want || quarantined {
			t.Errorf("crash %d: %v %v", i, pause, quarantined)
		}
	}
	for range 100 {
		if pause, quarantined := p.recordEnd(at, false); pause != time.Minute || quarantined {
			t.Errorf("%v %v", pause, quarantined)
		}
	}
	if pause, quarantined := p.recordEnd(at, true); pause != quarantinePause || !quarantined {
		t.Errorf("%v %v", pause, quarantined)
	}
	if pause, quarantined := p.recordEnd(at.Add(quarantinePause), true); pause != firstPause || quarantined {
		t.Errorf("%v %v", pause, quarantined)
	}
}

// TestReplacedPlugin: a plugin whose file was replaced while the host runs is not started.
// This counts neither as a crash nor as a restart, so that the stage is never quarantined.
// Its state has the remedy.
func TestReplacedPlugin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		s := supervise(t, func(context.Context) (instance, error) {
			starts++
			if starts == 1 {
				f := newFake()
				f.crashAfter(time.Minute)
				return f, nil
			}
			binary := catalog.Binary{Name: "prover-x", Path: "/opt/prover-x", Locked: true}
			return nil, changedFileError(&catalog.ChangedError{Binary: binary, Now: "00"}, binary)
		})
		time.Sleep(time.Hour)
		got := s.State()
		if got.State != status.StageBackoff || got.Restarts > 1 || slices.Contains(s.states(), status.StageQuarantined) {
			t.Errorf("after %d starts: %+v", starts, got)
		}
		for _, want := range []string{"/opt/prover-x has changed on disk", "restart proofline", "proofline plugins lock /opt"} {
			if !strings.Contains(got.LastError, want) {
				t.Errorf("no %q in %q", want, got.LastError)
			}
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
