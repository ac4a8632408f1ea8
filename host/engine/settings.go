package engine

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/proofline/proofline/host/selection"
)

// Settings are the part of a configuration that can change while the engine runs.
// They are replaced as a whole and never changed.
type Settings struct {
	Selection selection.Selection
	Reporters []Reporter
	Stages    map[string]Tuning // of every working stage, by name
}

// Tuning is the part of a stage's configuration that can change while the engine
// runs. See StageConfig for the fields.
type Tuning struct {
	Fingerprint string
	Concurrency int
	Retries     int
	Backoff     time.Duration
	Timeout     time.Duration
	StuckAfter  time.Duration
}

// settingsOf returns the settings with which an engine starts.
func settingsOf(cfg Config, stages []*stage) *Settings {
	s := &Settings{Selection: cfg.Selection, Reporters: cfg.Reporters, Stages: map[string]Tuning{}}
	for _, st := range stages {
		s.Stages[st.Name] = *st.tuned.Load()
	}
	return s
}

// tuning returns the current values of the part of the configuration that can change.
func (s *stage) tuning() Tuning { return *s.tuned.Load() }

// selection returns the current selection.
func (e *Engine) selection() selection.Selection { return e.settings.Load().Selection }

// reporters returns the current reporters.
func (e *Engine) reporters() []Reporter { return e.settings.Load().Reporters }

// Settings returns the current settings.
func (e *Engine) Settings() Settings { return *e.settings.Load() }

// Apply replaces all settings, or none when it returns an error. Running attempts keep
// the deadline and the fingerprint with which they began. The selection applies from
// the next poll on; blocks that are jobs already stay jobs. Apply may be called at any
// time and concurrently.
func (e *Engine) Apply(ctx context.Context, next Settings) error {
	for _, s := range e.stages {
		tuning, known := next.Stages[s.Name]
		if !known {
			return fmt.Errorf("there are no settings for the stage %s", s.Name)
		}
		if tuning.Concurrency < 1 {
			return fmt.Errorf("stage %s: the concurrency is %d, want at least 1", s.Name, tuning.Concurrency)
		}
	}
	// Holding Engine.write, so that no transition uses both old and new settings.
	if err := e.write.take(ctx); err != nil {
		return err
	}
	defer e.write.release()
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.selection()
	e.settings.Store(&next)
	for _, s := range e.stages {
		tuning := next.Stages[s.Name]
		if tuning.Fingerprint != s.tuning().Fingerprint {
			s.trusted = false
		}
		s.tuned.Store(&tuning)
	}
	if before.Order != next.Selection.Order {
		e.reorder(e.clock.Now())
	}
	if !reflect.DeepEqual(before, next.Selection) {
		close(e.reselected)
		e.reselected = make(chan struct{})
	}
	e.renew()
	e.broadcast()
	return nil
}

// reorder sorts the waiting jobs by the current selection. Engine.mu must be held.
func (e *Engine) reorder(now time.Time) {
	for _, s := range e.stages {
		waiting := s.queue.byJob
		s.queue = newQueue(e.selection())
		for _, entry := range waiting {
			s.queue.put(entry, now)
		}
	}
}

// whileSelected calls work once for each selection until ctx ends. The context of a call
// ends when the selection is replaced; then work is called again. When work returns
// earlier, whileSelected waits for the next selection.
func (e *Engine) whileSelected(ctx context.Context, work func(context.Context)) {
	for ctx.Err() == nil {
		e.mu.Lock()
		reselected := e.reselected
		e.mu.Unlock()
		unchanged, changed := context.WithCancel(ctx)
		go func() {
			select {
			case <-reselected:
			case <-unchanged.Done():
			}
			changed()
		}()
		work(unchanged)
		e.clock.Wait(ctx, Forever, reselected)
		changed()
	}
}

// startSlots calls start for each slot that a stage should have and does not have yet.
func (e *Engine) startSlots(start func(s *stage, slot int)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.stages {
		for slot := range s.tuning().Concurrency {
			if !slices.Contains(s.slots, slot) {
				s.slots = append(s.slots, slot)
				start(s, slot)
			}
		}
	}
}

// retired reports whether a stage has more slots than it should have, so that this one
// is to end. It removes such a slot from the list.
func (e *Engine) retired(s *stage, slot int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if slot < s.tuning().Concurrency {
		return false
	}
	s.slots = slices.DeleteFunc(s.slots, func(other int) bool { return other == slot })
	return true
}
