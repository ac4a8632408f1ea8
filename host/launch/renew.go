package launch

import (
	"context"
	"errors"
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
)

// errReconfigured is why a plugin is stopped that Renew starts again.
var errReconfigured = errors.New("the plugin is started again with another configuration")

// renewal is a change of the configuration that waits for the plugin's next start.
type renewal struct {
	generation int        // of the spec to start with
	outcome    chan error // receives the result of that start; has room for one
}

// Renew starts the stage's plugin again with another configuration. edit changes the
// present spec to the new one.
//
// New calls wait until Renew has returned. Renew waits until the running calls have
// ended, then stops the plugin and starts it again. It returns when the plugin is
// configured. If the plugin does not start with the new configuration, it is started
// with the old one, and the error has the reason. If ctx ends while calls still run,
// nothing has changed. A second Renew at the same time fails.
func (s *Stage) Renew(ctx context.Context, edit func(*Spec)) error {
	s.mu.Lock()
	if s.callsPaused {
		s.mu.Unlock()
		return contract.Environment(fmt.Errorf("stage %q is being given another configuration already", s.spec.Stage), "ask again in a moment")
	}
	s.callsPaused = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.callsPaused = false
		s.wakeWaiters()
		s.mu.Unlock()
	}()
	if err := s.awaitCalls(ctx); err != nil {
		return err
	}
	old, renewal := s.requestSpec(edit)
	var failed error
	select {
	case failed = <-renewal.outcome:
	case <-ctx.Done():
		failed = context.Cause(ctx)
	case <-s.done:
		return contract.Interrupted(ErrStopped)
	}
	if failed == nil {
		return nil
	}
	s.requestSpec(func(spec *Spec) { *spec = old })
	return fmt.Errorf("stage %q does not start with its new configuration and goes on with the old one: %w", old.Stage, failed)
}

// awaitCalls waits until no call runs. It fails if ctx ends, or with ErrStopped.
func (s *Stage) awaitCalls(ctx context.Context) error {
	for {
		s.mu.Lock()
		calls, stateChanged := s.calls, s.stateChanged
		s.mu.Unlock()
		if calls == 0 {
			return nil
		}
		select {
		case <-stateChanged:
		case <-s.done:
			return contract.Interrupted(ErrStopped)
		case <-ctx.Done():
			return contract.Environment(fmt.Errorf("stage %q is still at work", s.State().Name), "ask again when it is idle")
		}
	}
}

// requestSpec changes the spec and asks the supervisor to start the plugin with it. It
// returns the spec before the change and the renewal to wait for.
func (s *Stage) requestSpec(edit func(*Spec)) (old Spec, r *renewal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.spec
	edit(&s.spec)
	s.tail.addSecrets(s.spec.Secrets)
	s.generation++
	r = &renewal{generation: s.generation, outcome: make(chan error, 1)}
	s.renewal = r
	for _, request := range []chan struct{}{s.replace, s.restart} { // for a plugin that runs, or waits for its next start
		select {
		case request <- struct{}{}:
		default:
		}
	}
	return old, r
}

// takeSpec returns the spec for the next start. It removes the pending requests to
// start, because that start fulfils them.
func (s *Stage) takeSpec() (spec Spec, generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, request := range []chan struct{}{s.replace, s.restart} {
		select {
		case <-request:
		default:
		}
	}
	return s.spec, s.generation
}

// finishRenewal sends the result of a start with the spec of a generation to the
// renewal that waits for it. Only the first result counts.
func (s *Stage) finishRenewal(generation int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renewal != nil && s.renewal.generation == generation {
		s.renewal.outcome <- err
		s.renewal = nil
	}
}

// wakeWaiters wakes the calls that wait for a change of the stage. The caller must hold
// s.mu.
func (s *Stage) wakeWaiters() {
	close(s.stateChanged)
	s.stateChanged = make(chan struct{})
}

// release ends the use of a plugin that acquire has returned.
func (s *Stage) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls--; s.callsPaused && s.calls == 0 {
		s.wakeWaiters()
	}
}

// Adjust changes the spec for the next start of the plugin. It does nothing to a plugin
// that runs.
func (s *Stage) Adjust(edit func(*Spec)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.spec)
}
