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

// settingsOf are the settings that a configuration begins with.
func settingsOf(cfg Config, stages []*stage) *Settings {
	s := &Settings{Selection: cfg.Selection, Reporters: cfg.Reporters, Stages: map[string]Tuning{}}
	for _, st := range stages {
		s.Stages[st.Name] = *st.tuned.Load()
	}
	return s
}

// tuning is the part of the stage's configuration that can change; it is that of
// this instant.
func (s *stage) tuning() Tuning { return *s.tuned.Load() }

// selection is which blocks are targets at this instant.
func (e *Engine) selection() selection.Selection { return e.settings.Load().Selection }

// reporters are the reporters of this instant.
func (e *Engine) reporters() []Reporter { return e.settings.Load().Reporters }

// Settings returns the settings of this instant.
func (e *Engine) Settings() Settings { return *e.settings.Load() }

// Apply replaces the settings. Running attempts go on: they keep their deadline and
// the fingerprint with which they were begun. A selection counts from the next poll
// on: blocks that are jobs already stay jobs. It takes effect as a whole or, with an
// error, not at all. It may be called at any time, also concurrently.
func (e *Engine) Apply(ctx context.Context, next Settings) error {
	for _, s := range e.stages {
		tuning, known := next.Stages[s.Name]
		if !known {
			return fmt.Errorf("there are no settings for the stage %s", s.Name)
		}
		if tuning.Concurrency < 1 {
			return fmt.Errorf("stage %s: a concurrency of %d", s.Name, tuning.Concurrency)
		}
	}
	// No transition is half-way between the old settings and the new ones.
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

// reorder sorts what waits by today's selection. Engine.mu must be held.
func (e *Engine) reorder(now time.Time) {
	for _, s := range e.stages {
		waiting := s.queue.of
		s.queue = newQueue(e.selection())
		for _, entry := range waiting {
			s.queue.put(entry, now)
		}
	}
}

// whileSelected calls work again and again until ctx ends: each time with a context
// that ends when the selection is replaced, and after work has returned only once
// they were.
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

// staff begins the slots that stages lack, each in a goroutine that start makes.
func (e *Engine) staff(start func(s *stage, slot int)) {
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

// dismissed reports whether a slot is one too many, and takes it from the list then.
func (e *Engine) dismissed(s *stage, slot int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if slot < s.tuning().Concurrency {
		return false
	}
	s.slots = slices.DeleteFunc(s.slots, func(other int) bool { return other == slot })
	return true
}
