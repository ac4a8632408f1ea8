package sdk

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// idle is a builder that counts how often it was closed.
type idle struct{ closed int }

func (*idle) Build(context.Context, *Task) (*Result, error) { return nil, nil }
func (i *idle) Close() error                                { i.closed++; return nil }

func setup(t *testing.T) *pluginv1.ConfigureRequest {
	return wire.SetupToProto(contract.Setup{Stage: "s", StateDir: t.TempDir()})
}

// A drain during Configure waits for it, and closes what it has opened.
func TestDrainDuringConfigure(t *testing.T) {
	opening, goOn, value := make(chan struct{}), make(chan struct{}), &idle{}
	p := NewBuilder("builder-idle", "1.0.0", func(context.Context, struct{}, Env) (*idle, error) {
		close(opening)
		<-goOn
		return value, nil
	})
	s := newServer(p.def, newOutput(io.Discard))
	request := setup(t)
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := s.Configure(t.Context(), request); err != nil {
			t.Error(err)
		}
	})
	<-opening
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := s.Drain(ended, &pluginv1.DrainRequest{}); err != nil || r.GetRunning() != 1 {
		t.Errorf("a drain without time answers %v, %v", r, err)
	}
	close(goOn)
	for range 2 {
		wait.Go(func() {
			if _, err := s.Drain(t.Context(), &pluginv1.DrainRequest{}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if value.closed != 1 {
		t.Errorf("closed %d times", value.closed)
	}
	s.kill(nil)
}

func TestConfigureErrors(t *testing.T) {
	secret := errors.New("cannot log in")
	p := NewBuilder("builder-idle", "1.0.0", func(_ context.Context, c struct{ Nil bool }, _ Env) (*idle, error) {
		if c.Nil {
			return nil, nil
		}
		return nil, Environment(secret, "ask for an account")
	})
	tests := []struct {
		config string
		dir    string
		class  Class
	}{
		{`{"Nil":true}`, t.TempDir(), ClassPermanent},
		{`{}`, t.TempDir(), ClassEnvironment},
		{`{}`, "relative", ClassPermanent},
		{`{}`, "/dev/null/x", ClassEnvironment},
	}
	for _, test := range tests {
		s := newServer(p.def, newOutput(io.Discard))
		_, err := s.Configure(t.Context(), wire.SetupToProto(contract.Setup{Config: []byte(test.config), StateDir: test.dir}))
		if got := wire.FromStatusError(err); got == nil || ClassOf(got) != test.class {
			t.Errorf("%s in %s: %v", test.config, test.dir, got)
		}
		s.kill(nil)
	}
	s := newServer(p.def, newOutput(io.Discard))
	defer s.kill(nil)
	s.drain(t.Context())
	if _, err := s.Configure(t.Context(), setup(t)); ClassOf(wire.FromStatusError(err)) != ClassInterrupted {
		t.Errorf("configured after a drain: %v", err)
	}
}

func TestConstructorsPanicOnNonsense(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a config with a channel is accepted")
		}
	}()
	NewBuilder("builder-idle", "1.0.0", func(context.Context, struct{ C chan int }, Env) (*idle, error) { return nil, nil })
}

func TestEventsOfAReporter(t *testing.T) {
	open := func(context.Context, struct{}, Env) (Reporter, error) { return nil, nil }
	if m := NewReporter("r", "1.0.0", open).Manifest(); !slices.Equal(m.Events, contract.EventKinds()) {
		t.Errorf("without a list it wants %v", m.Events)
	}
	if m := NewReporter("r", "1.0.0", open, Events(contract.EventProved)).Manifest(); len(m.Events) != 1 {
		t.Errorf("with a list it wants %v", m.Events)
	}
}
