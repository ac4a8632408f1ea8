package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/tick"
)

// The pause between two looks at a plugin's health: of one that is well, and of
// one that may be well again at any moment.
const (
	healthInterval   = 5 * time.Second
	recoveryInterval = 250 * time.Millisecond
)

// ErrStopped is in the chain of errors of calls on a stopped stage.
var ErrStopped = errors.New("the stage is stopped")

// instance is a running plugin as the supervisor sees it; *Plugin in earnest.
type instance interface {
	Done() <-chan struct{}
	Err() error
	Stop(context.Context) error
	Health(context.Context) (contract.Health, error)
	serves() bool // it has neither ended nor is it being stopped
	facts() (pid, keeperPID int, traits contract.Traits)
	silence() time.Duration
	condemn(error)
}

// Stage keeps the plugin of one stage running until Stop. Its work methods wait
// for a usable plugin and may be called concurrently.
type Stage struct {
	spec    Spec // of the next start; guarded by mu
	log     *slog.Logger
	tail    *tail
	launch  func(context.Context, Spec) (instance, error)
	changed func(StageState)

	cancel  context.CancelCauseFunc
	hurry   context.Context // ends when a stop gets no more time
	rush    context.CancelFunc
	done    chan struct{} // closed when the supervisor has ended
	restart chan struct{} // holds one order to start at once
	replace chan struct{} // holds one order to stop the plugin and start it with the present spec
	worked  atomic.Bool   // a task was done since the last look

	mu      sync.Mutex
	state   StageState
	current instance      // nil while none is configured
	turned  chan struct{} // closed and replaced at every change
	stopErr error
	traits  contract.Traits // of the last plugin that was configured
	// endpoints are what the current plugin tells of the services it depends on.
	endpoints []contract.Endpoint
	// Of Renew.
	generation int      // of spec
	calls      int      // under way
	held       bool     // no call begins
	renewal    *renewal // that waits for its start
}

// StartStage starts to supervise. changed is called at every change of the
// state, in order, from one goroutine, and may be nil; it must not call Stop.
// The stage's life is ended by Stop, or when ctx ends.
func StartStage(ctx context.Context, spec Spec, changed func(StageState)) (*Stage, error) {
	spec, err := spec.filled()
	if err != nil {
		return nil, err
	}
	return startStage(ctx, spec, changed, func(ctx context.Context, spec Spec) (instance, error) {
		p, err := Launch(ctx, spec)
		if err != nil {
			return nil, err // not a nil *Plugin in an interface
		}
		return p, nil
	}), nil
}

func startStage(ctx context.Context, spec Spec, changed func(StageState), launch func(context.Context, Spec) (instance, error)) *Stage {
	if changed == nil {
		changed = func(StageState) {}
	}
	spec.tail = newTail(spec.Secrets)
	s := &Stage{
		spec: spec, log: spec.Log, tail: spec.tail, launch: launch, changed: changed,
		done: make(chan struct{}), restart: make(chan struct{}, 1), replace: make(chan struct{}, 1), turned: make(chan struct{}),
		state: StageState{
			Name: spec.Stage, Kind: spec.Binary.Manifest.Kind, Plugin: spec.Binary.Name, Version: spec.Binary.Manifest.Version,
			State: status.StageStarting, Since: time.Now(),
		},
	}
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.hurry, s.rush = context.WithCancel(context.Background())
	go s.supervise(ctx)
	return s
}

// supervise owns the plugin: it alone starts and stops it.
func (s *Stage) supervise(ctx context.Context) {
	defer close(s.done)
	defer s.rush()
	rules := newPolicy()
	replaced := false // the plugin's file was, so that it was not started
	for first := true; ctx.Err() == nil; first = false {
		spec, generation := s.takeSpec()
		s.turn(func(state *StageState) {
			state.State = status.StageStarting
			if !first && !replaced {
				state.Restarts++
			}
		})
		up, err := s.live(ctx, spec, generation)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errReplaced) {
			replaced = true // which is no restart either
			continue
		}
		s.settle(generation, err)
		if s.worked.Swap(false) || up >= settledAfter {
			rules.settled()
		}
		pause, quarantined := rules.ended(time.Now(), contract.ClassOf(err) != contract.ClassEnvironment)
		if failure, ok := errors.AsType[*contract.Error](err); ok {
			pause = max(pause, failure.After)
		}
		before := s.State().LastError
		_, replaced = errors.AsType[*catalog.ChangedError](err)
		condition := status.StageBackoff
		if quarantined {
			condition = status.StageQuarantined
			s.log.Error("the plugin keeps failing and is set aside", "error", err, "for", pause)
		} else if !replaced || before != err.Error() {
			s.log.Warn("the plugin is down", "error", err, "next_start_in", pause.Round(time.Millisecond))
		}
		s.turn(func(state *StageState) { state.State, state.LastError = condition, err.Error() })
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.restart:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	s.turn(func(state *StageState) { state.State, state.LastError = status.StageStopped, "" })
}

// live runs one plugin from its start to its end. It says for how long the
// plugin was up and why it ended.
func (s *Stage) live(ctx context.Context, spec Spec, generation int) (up time.Duration, err error) {
	p, err := s.launch(ctx, spec)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	pid, keeperPID, traits := p.facts()
	s.log.Debug("the plugin is up", "plugin", spec.Binary.Name, "version", spec.Binary.Manifest.Version, "pid", pid)
	s.mu.Lock()
	if traits.Note != "" && traits.Note != s.state.Note {
		s.log.Info(traits.Note)
	}
	s.current, s.traits = p, traits
	s.mu.Unlock()
	s.turn(func(state *StageState) {
		state.PID, state.KeeperPID, state.Note, state.MakesProof = pid, keeperPID, traits.Note, traits.MakesProof
	})

	s.settle(generation, nil)
	ended := s.watch(ctx, p, spec)

	s.mu.Lock()
	s.current, s.endpoints = nil, nil
	s.mu.Unlock()
	stopErr := p.Stop(s.hurry)
	if stopErr != nil {
		s.log.Error("stop the plugin", "error", stopErr)
	}
	s.mu.Lock()
	s.stopErr = stopErr
	s.mu.Unlock()
	s.turn(func(state *StageState) { state.PID, state.KeeperPID = 0, 0 })
	if ended != nil {
		return time.Since(began), ended
	}
	return time.Since(began), p.Err()
}

// watch looks at the plugin's health until it ends or ctx does, or until it is to be
// replaced, which is the error.
func (s *Stage) watch(ctx context.Context, p instance, spec Spec) error {
	for {
		health, err := p.Health(ctx)
		select {
		case <-p.Done():
			return nil
		case <-ctx.Done():
			return nil
		default:
		}
		s.judge(p, spec, health, err)
		pause := tick.Until(time.Now(), healthInterval)
		if s.State().State == status.StageUnavailable {
			pause = recoveryInterval
		}
		timer := time.NewTimer(pause)
		select {
		case <-p.Done():
		case <-ctx.Done():
		case <-s.replace:
			timer.Stop()
			return errReplaced
		case <-timer.C:
		}
		timer.Stop()
	}
}

// judge turns an answer about health, or the lack of one, into the state. A
// plugin that is slow to answer but shows other signs of life goes on.
func (s *Stage) judge(p instance, spec Spec, health contract.Health, err error) {
	condition, reason := status.StageDegraded, health.Detail
	switch {
	case err != nil && p.silence() > spec.HeartbeatTimeout:
		p.condemn(fmt.Errorf("plugin %s of stage %q hangs: no sign of life for %v",
			spec.Binary.Name, spec.Stage, spec.HeartbeatTimeout))
		return
	case err != nil:
		reason = fmt.Sprintf("health: %v", err)
	case health.State == contract.HealthReady:
		condition = status.StageReady
	case health.State == contract.HealthUnavailable:
		condition = status.StageUnavailable
	}
	if err == nil {
		s.mu.Lock()
		s.endpoints = health.Endpoints
		s.mu.Unlock()
	}
	s.turn(func(state *StageState) { state.State, state.LastError = condition, reason })
}

// turn changes the state, wakes those who wait for a change, and tells of it.
func (s *Stage) turn(change func(*StageState)) {
	s.mu.Lock()
	next := s.state
	change(&next)
	if next == s.state {
		s.mu.Unlock()
		return
	}
	if next.State != s.state.State {
		next.Since = time.Now()
	}
	s.state = next
	s.wake()
	s.mu.Unlock()
	s.changed(next)
}

// State returns the present state.
func (s *Stage) State() StageState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Endpoints is what the plugin told last of the services that it depends on; nil while
// none runs. The caller does not change it.
func (s *Stage) Endpoints() []contract.Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints
}

// Traits is what the last plugin answered to its configuration; the zero value
// before there was one.
func (s *Stage) Traits() contract.Traits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.traits
}

// Restart ends a back-off or a quarantine at once. A plugin that runs is left
// alone.
func (s *Stage) Restart() {
	switch s.State().State {
	case status.StageBackoff, status.StageQuarantined:
		select {
		case s.restart <- struct{}{}:
		default:
		}
	}
}

// Stop ends the plugin and the supervision; it returns when both are over. When
// ctx ends the plugin is killed without grace. An error says that processes are
// left.
func (s *Stage) Stop(ctx context.Context) error {
	s.cancel(ErrStopped)
	select {
	case <-s.done:
	case <-ctx.Done():
		s.rush()
		<-s.done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopErr
}
