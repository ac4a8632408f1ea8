package launch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// renewable returns a stage in virtual time. begin starts its plugins, which are doubles.
func renewable(t *testing.T, begin func(Spec) (instance, error)) *Stage {
	t.Helper()
	spec, err := Spec{Stage: "source", Config: []byte(`"old"`), Binary: catalog.Binary{Name: "source-x",
		Manifest: contract.Manifest{Kind: contract.KindSource, Version: "1.2.3"}}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s := startStage(t.Context(), spec, nil, func(_ context.Context, spec Spec) (instance, error) { return begin(spec) })
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s
}

func config(text string) func(*Spec) { return func(s *Spec) { s.Config = []byte(text) } }

// TestRenew gives a plugin another configuration while a call runs. The call ends
// normally, a call that begins meanwhile gets the new plugin, and the stage counts no
// restart.
func TestRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started []string
		var plugins []*fake
		s := renewable(t, func(spec Spec) (instance, error) {
			f := newFake()
			started, plugins = append(started, string(spec.Config)), append(plugins, f)
			return f, nil
		})
		busy, err := s.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		renewed, next := make(chan error, 1), make(chan instance, 1)
		go func() { renewed <- s.Renew(t.Context(), config(`"new"`)) }()
		synctest.Wait()
		go func() {
			p, err := s.acquire(t.Context())
			if err != nil {
				t.Error(err)
			}
			next <- p
		}()
		if err := s.Renew(t.Context(), config(`"third"`)); contract.ClassOf(err) != contract.ClassEnvironment {
			t.Errorf("a second renewal at the same time: %v", err)
		}
		time.Sleep(time.Minute)
		select {
		case <-plugins[0].done:
			t.Fatal("the plugin was stopped during a call")
		case <-next:
			t.Fatal("a call has begun that the plugin would have been stopped under")
		default:
		}
		if busy != instance(plugins[0]) {
			t.Error("the call runs on another plugin")
		}
		s.release()
		if err := <-renewed; err != nil {
			t.Fatal(err)
		}
		if got := <-next; len(plugins) != 2 || got != instance(plugins[1]) {
			t.Errorf("the later call runs on another plugin than the second of %d", len(plugins))
		}
		s.release()
		if text := strings.Join(started, " "); text != `"old" "new"` {
			t.Errorf("plugins were started with %s", text)
		}
		if state := s.State(); state.Restarts != 0 || state.State != status.StageReady {
			t.Errorf("%+v", state)
		}
	})
}

// TestRenewGoesBack shows that a plugin which does not start with its new configuration
// gets the old one, and that a stage which stays busy keeps it.
func TestRenewGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started []string
		s := renewable(t, func(spec Spec) (instance, error) {
			started = append(started, string(spec.Config))
			if string(spec.Config) == `"bad"` {
				return nil, errors.New("no such node")
			}
			return newFake(), nil
		})
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Renew(t.Context(), config(`"bad"`)); err == nil || !strings.Contains(err.Error(), "no such node") {
			t.Errorf("%v", err)
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(started, " "); text != `"old" "bad" "old"` {
			t.Errorf("plugins were started with %s", text)
		}
		if _, err := s.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		limited, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Renew(limited, config(`"new"`)); contract.ClassOf(err) != contract.ClassEnvironment {
			t.Errorf("a busy stage: %v", err)
		}
		s.release()
		if err := s.Ready(t.Context()); err != nil || len(started) != 3 {
			t.Errorf("%v after %q", err, started)
		}
	})
}

// TestRenewEndsABackOff shows that a stage whose plugin does not start is started at once
// with a new configuration.
func TestRenewEndsABackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := renewable(t, func(spec Spec) (instance, error) {
			if string(spec.Config) == `"old"` {
				return nil, contract.Environment(&contract.Error{Class: contract.ClassEnvironment, Err: errors.New("no such node"), After: time.Hour}, "")
			}
			return newFake(), nil
		})
		time.Sleep(time.Second)
		began := time.Now()
		if err := s.Renew(t.Context(), config(`"new"`)); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("it took %v", waited)
		}
	})
}
