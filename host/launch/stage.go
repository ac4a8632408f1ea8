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

// The pause between two health calls, and the shorter one while the plugin is
// unavailable.
const (
	healthInterval   = 5 * time.Second
	recoveryInterval = 250 * time.Millisecond
)

// ErrStopped is wrapped by the errors of calls on a stopped stage.
var ErrStopped = errors.New("the stage is stopped")

// instance is a running plugin. *Plugin implements it, and tests have a double.
type instance interface {
	Done() <-chan struct{}
	Err() error
	Stop(context.Context) error
	Health(context.Context) (contract.Health, error)
	serves() bool // false if it has ended or is being stopped
	info() (pid, keeperPID int, traits contract.Traits)
	silence() time.Duration // since the last sign of life
	stopHung(error)         // stops a plugin that hangs; does not wait
}

// Stage keeps the plugin of one stage running until Stop. Its work methods wait until
// the plugin takes work. All methods may be called concurrently.
type Stage struct {
	spec     Spec // of the next start; guarded by mu
	log      *slog.Logger
	tail     *tail
	launch   func(context.Context, Spec) (instance, error)
	onChange func(StageState)

	cancel    context.CancelCauseFunc
	noGrace   context.Context // ends when the plugin must be stopped without grace
	skipGrace context.CancelFunc
	done      chan struct{} // closed when the supervisor has ended
	restart   chan struct{} // holds at most one request to start the plugin at once
	replace   chan struct{} // holds at most one request to start the plugin again with the present spec
	hasWorked atomic.Bool   // a task was done since the plugin's last end

	mu           sync.Mutex
	state        StageState
	current      instance      // nil while no plugin is configured
	stateChanged chan struct{} // closed and replaced by wakeWaiters
	stopErr      error
	traits       contract.Traits // of the last plugin that was configured
	// endpoints are the services that the current plugin depends on, by its last health.
	endpoints []contract.Endpoint
	// The remaining fields belong to Renew.
	generation  int      // counts the changes of spec
	calls       int      // number of running calls
	callsPaused bool     // no new call begins
	renewal     *renewal // the one that waits for the start of the plugin
}

// StartStage starts the plugin of a stage and keeps it running until Stop is called or
// ctx ends. onChange is called at every change of the state, in order, from one
// goroutine. It may be nil. It must not call Stop.
func StartStage(ctx context.Context, spec Spec, onChange func(StageState)) (*Stage, error) {
	spec, err := spec.withDefaults()
	if err != nil {
		return nil, err
	}
	return startStage(ctx, spec, onChange, func(ctx context.Context, spec Spec) (instance, error) {
		p, err := Launch(ctx, spec)
		if err != nil {
			return nil, err // not a nil *Plugin in an interface
		}
		return p, nil
	}), nil
}

// startStage is StartStage with another function that starts the plugin.
func startStage(ctx context.Context, spec Spec, onChange func(StageState), launch func(context.Context, Spec) (instance, error)) *Stage {
	if onChange == nil {
		onChange = func(StageState) {}
	}
	spec.tail = newTail(spec.Secrets)
	s := &Stage{
		spec: spec, log: spec.Log, tail: spec.tail, launch: launch, onChange: onChange,
		done: make(chan struct{}), restart: make(chan struct{}, 1), replace: make(chan struct{}, 1), stateChanged: make(chan struct{}),
		state: StageState{
			Name: spec.Stage, Kind: spec.Binary.Manifest.Kind, Plugin: spec.Binary.Name, Version: spec.Binary.Manifest.Version,
			State: status.StageStarting, Since: time.Now(),
		},
	}
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.noGrace, s.skipGrace = context.WithCancel(context.Background())
	go s.supervise(ctx)
	return s
}

// supervise starts the plugin, waits for its end and starts it again, until ctx ends.
// No other goroutine starts or stops the plugin.
func (s *Stage) supervise(ctx context.Context) {
	defer close(s.done)
	defer s.skipGrace()
	restarts := newPolicy()
	isRestart := false // whether the next start counts as a restart
	for ctx.Err() == nil {
		spec, generation := s.takeSpec()
		s.setState(func(state *StageState) {
			state.State = status.StageStarting
			if isRestart {
				state.Restarts++
			}
		})
		up, err := s.runPlugin(ctx, spec, generation)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errReconfigured) {
			isRestart = false
			continue
		}
		s.finishRenewal(generation, err)
		if s.hasWorked.Swap(false) || up >= stableAfter {
			restarts.reset()
		}
		pause, quarantined := restarts.recordEnd(time.Now(), contract.ClassOf(err) != contract.ClassEnvironment)
		if failure, ok := errors.AsType[*contract.Error](err); ok {
			pause = max(pause, failure.After)
		}
		before := s.State().LastError
		_, fileChanged := errors.AsType[*catalog.ChangedError](err)
		isRestart = !fileChanged // a plugin whose file has changed was not started
		condition := status.StageBackoff
		if quarantined {
			condition = status.StageQuarantined
			s.log.Error("the plugin keeps failing and is set aside", "error", err, "for", pause)
		} else if !fileChanged || before != err.Error() {
			s.log.Warn("the plugin is down", "error", err, "next_start_in", pause.Round(time.Millisecond))
		}
		s.setState(func(state *StageState) { state.State, state.LastError = condition, err.Error() })
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.restart:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	s.setState(func(state *StageState) { state.State, state.LastError = status.StageStopped, "" })
}

// runPlugin runs one plugin process from its start to its end. It returns how long the
// plugin was up and why it ended.
func (s *Stage) runPlugin(ctx context.Context, spec Spec, generation int) (up time.Duration, err error) {
	p, err := s.launch(ctx, spec)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	pid, keeperPID, traits := p.info()
	s.log.Debug("the plugin is up", "plugin", spec.Binary.Name, "version", spec.Binary.Manifest.Version, "pid", pid)
	s.mu.Lock()
	if traits.Note != "" && traits.Note != s.state.Note {
		s.log.Info(traits.Note)
	}
	s.current, s.traits = p, traits
	s.mu.Unlock()
	s.setState(func(state *StageState) {
		state.PID, state.KeeperPID, state.Note, state.MakesProof = pid, keeperPID, traits.Note, traits.MakesProof
	})

	s.finishRenewal(generation, nil)
	ended := s.watch(ctx, p, spec)

	s.mu.Lock()
	s.current, s.endpoints = nil, nil
	s.mu.Unlock()
	stopErr := p.Stop(s.noGrace)
	if stopErr != nil {
		s.log.Error("stop the plugin", "error", stopErr)
	}
	s.mu.Lock()
	s.stopErr = stopErr
	s.mu.Unlock()
	s.setState(func(state *StageState) { state.PID, state.KeeperPID = 0, 0 })
	if ended != nil {
		return time.Since(began), ended
	}
	return time.Since(began), p.Err()
}

// watch polls the plugin's health until the plugin or ctx ends. It returns
// errReconfigured if the plugin has to be started again with another configuration.
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
		s.applyHealth(p, spec, health, err)
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
			return errReconfigured
		case <-timer.C:
		}
		timer.Stop()
	}
}

// applyHealth sets the state from the result of a health call. A plugin that does not
// answer is stopped only if it has given no other sign of life either.
func (s *Stage) applyHealth(p instance, spec Spec, health contract.Health, err error) {
	condition, reason := status.StageDegraded, health.Detail
	switch {
	case err != nil && p.silence() > spec.HeartbeatTimeout:
		p.stopHung(fmt.Errorf("plugin %s of stage %q hangs: no sign of life for %v",
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
	s.setState(func(state *StageState) { state.State, state.LastError = condition, reason })
}

// setState changes the state, wakes the waiting calls and calls onChange.
func (s *Stage) setState(change func(*StageState)) {
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
	s.wakeWaiters()
	s.mu.Unlock()
	s.onChange(next)
}

// State returns the present state.
func (s *Stage) State() StageState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Endpoints returns the services that the plugin depends on, as of its last health. It
// returns nil while no plugin runs. The caller must not change the slice.
func (s *Stage) Endpoints() []contract.Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints
}

// Traits returns the traits of the last plugin that was configured, or the zero value
// if there was none.
func (s *Stage) Traits() contract.Traits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.traits
}

// Restart ends a back-off or a quarantine at once. It does nothing to a plugin that
// runs.
func (s *Stage) Restart() {
	switch s.State().State {
	case status.StageBackoff, status.StageQuarantined:
		select {
		case s.restart <- struct{}{}:
		default:
		}
	}
}

// Stop stops the plugin and ends the supervision. It returns when both have ended. If
// ctx ends before, the plugin is killed without grace. An error means that processes
// of the plugin are left.
func (s *Stage) Stop(ctx context.Context) error {
	s.cancel(ErrStopped)
	select {
	case <-s.done:
	case <-ctx.Done():
		s.skipGrace()
		<-s.done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopErr
}
