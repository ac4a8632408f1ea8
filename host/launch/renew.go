package launch

import (
	"context"
	"errors"
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
)

// errReplaced ends a plugin that is started again with another configuration.
var errReplaced = errors.New("the plugin is started again with another configuration")

// renewal is a configuration that is being given to the plugin.
type renewal struct {
	generation int        // of the spec
	outcome    chan error // holds one
}

// Renew gives the stage's plugin another configuration, which edit makes of the
// present one. New calls wait; when those that run have ended, the plugin is stopped
// and started anew. It returns when the plugin was configured. A plugin that does not
// start with the new configuration gets the old one back, and the reason is the error.
// When ctx ends before the calls do, nothing has changed. One renewal is made at a
// time; another one meanwhile is refused.
func (s *Stage) Renew(ctx context.Context, edit func(*Spec)) error {
	s.mu.Lock()
	if s.held {
		s.mu.Unlock()
		return contract.Environment(fmt.Errorf("stage %q is being given another configuration already", s.spec.Stage), "ask again in a moment")
	}
	s.held = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.held = false
		s.wake()
		s.mu.Unlock()
	}()
	if err := s.awaitCalls(ctx); err != nil {
		return err
	}
	old, renewal := s.order(edit)
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
	s.order(func(spec *Spec) { *spec = old })
	return fmt.Errorf("stage %q does not start with its new configuration and goes on with the old one: %w", old.Stage, failed)
}

// awaitCalls waits until no call runs.
func (s *Stage) awaitCalls(ctx context.Context) error {
	for {
		s.mu.Lock()
		calls, turned := s.calls, s.turned
		s.mu.Unlock()
		if calls == 0 {
			return nil
		}
		select {
		case <-turned:
		case <-s.done:
			return contract.Interrupted(ErrStopped)
		case <-ctx.Done():
			return contract.Environment(fmt.Errorf("stage %q is still at work", s.State().Name), "ask again when it is idle")
		}
	}
}

// order has the supervisor start the plugin with another spec. It returns the one
// before.
func (s *Stage) order(edit func(*Spec)) (old Spec, r *renewal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.spec
	edit(&s.spec)
	s.tail.hide(s.spec.Secrets)
	s.generation++
	r = &renewal{generation: s.generation, outcome: make(chan error, 1)}
	s.renewal = r
	for _, order := range []chan struct{}{s.replace, s.restart} { // whether it runs or waits for its next start
		select {
		case order <- struct{}{}:
		default:
		}
	}
	return old, r
}

// takeSpec returns the spec for the next start. Orders to start from before are met by
// that.
func (s *Stage) takeSpec() (spec Spec, generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, order := range []chan struct{}{s.replace, s.restart} {
		select {
		case <-order:
		default:
		}
	}
	return s.spec, s.generation
}

// settle tells a renewal what has become of the start with its spec: the first news
// counts.
func (s *Stage) settle(generation int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renewal != nil && s.renewal.generation == generation {
		s.renewal.outcome <- err
		s.renewal = nil
	}
}

// wake wakes those who wait for a change. Stage.mu must be held.
func (s *Stage) wake() {
	close(s.turned)
	s.turned = make(chan struct{})
}

// leave notes the end of a call.
func (s *Stage) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls--; s.held && s.calls == 0 {
		s.wake()
	}
}

// Adjust changes the spec for the next start of the plugin; one that runs is left alone.
func (s *Stage) Adjust(edit func(*Spec)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(&s.spec)
}
