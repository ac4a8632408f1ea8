package sdktest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

func digest(data []byte) [32]byte { return sha256.Sum256(data) }

func healthBefore(ctx context.Context, r *run) error {
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	h, _, err := i.Health(ctx)
	if err == nil && h.State != contract.HealthUnavailable {
		err = fmt.Errorf("it is %s", h.State)
	}
	return err
}

func healthAfter(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	const limit = 5 * time.Second
	for range 3 {
		begin := time.Now()
		short, cancel := context.WithTimeout(ctx, limit)
		endpoints, err := i.endpoints(short)
		cancel()
		switch {
		case err != nil && time.Since(begin) > limit/2: // either side may notice the deadline first
			return fmt.Errorf("no answer within %v: %w", limit, err)
		case err != nil:
			return err
		}
		if err := checkEndpoints(endpoints); err != nil {
			return err
		}
	}
	return nil
}

// checkEndpoints judges the endpoints of a health answer in the form in which they were
// sent. The conversion of package wire would already have removed what violates a bound.
func checkEndpoints(endpoints []*pluginv1.Endpoint) error {
	if len(endpoints) > contract.MaxEndpoints {
		return fmt.Errorf("it reports %d endpoints, the host reads %d", len(endpoints), contract.MaxEndpoints)
	}
	known := map[string]bool{}
	for _, e := range endpoints {
		name := e.GetName()
		switch {
		case name == "" || len(name) > contract.MaxEndpointName:
			return fmt.Errorf("the name of an endpoint has %d bytes, want 1 to %d: %.200q", len(name), contract.MaxEndpointName, name)
		case known[name]:
			return fmt.Errorf("two endpoints are called %q", name)
		case e.GetFailed() > e.GetCalls():
			return fmt.Errorf("of the endpoint %q %d calls have failed, and %d have ended", name, e.GetFailed(), e.GetCalls())
		case e.GetTime() != nil && (e.GetTime().CheckValid() != nil || e.GetTime().AsDuration() < 0):
			return fmt.Errorf("the calls to the endpoint %q took %v", name, e.GetTime())
		}
		known[name] = true
	}
	return nil
}

func callUnconfigured(ctx context.Context, r *run) error {
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	if r.manifest.Kind == contract.KindSource {
		if _, err := i.Poll(ctx, contract.PollRequest{Selection: r.suite.Selection, Max: 1}); err == nil {
			return errors.New("it polls")
		}
	} else if _, err := r.work(ctx, i); err == nil {
		return errors.New("it works")
	}
	_, err = i.Describe(ctx)
	return err
}

func callTooLarge(ctx context.Context, r *run) error {
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	// One size is over the plugin's limit, the other over the client's own.
	for _, size := range []int{wire.MaxMessage - 1024, wire.MaxMessage + 1024} {
		config := append(append([]byte(`{"sdktest":"`), bytes.Repeat([]byte("x"), size)...), `"}`...)
		findings, err := i.Check(ctx, config, true)
		if err == nil && firstError(findings) == nil {
			return fmt.Errorf("a configuration of %d bytes with an unknown field is accepted", size)
		}
		if _, err := i.Describe(ctx); err != nil {
			return fmt.Errorf("after a message of %d bytes it no longer answers: %w", size, err)
		}
	}
	return nil
}

// errStillRuns is the error of the check cancel/returns. The checks that begin after a
// cancelled call cannot be made then.
var errStillRuns = errors.New("the handler still runs")

// afterCancelled is cancelled for the checks that begin after a cancelled call. They are
// skipped if that call does not return.
func (r *run) afterCancelled(ctx context.Context, then func(*instance) error) error {
	err := r.cancelled(ctx, then)
	if errors.Is(err, errStillRuns) {
		return skip{"a cancelled call does not return"}
	}
	return err
}

// cancelled starts the slow work, cancels it after its first progress, waits until
// the handler has returned, and calls then with the instance.
func (r *run) cancelled(ctx context.Context, then func(*instance) error) error {
	if r.suite.Slow == nil {
		return skip{"the suite has no configuration with which work is slow"}
	}
	i, err := r.ready(ctx, r.suite.Slow)
	if err != nil {
		return err
	}
	defer i.stop()
	_, call, _, err := r.prepare(ctx, i)
	if err != nil {
		return err
	}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	_, err = call(working, func(e contract.WorkEvent) {
		if e.Progress == nil || e.Progress.Phase != "" { // more than a heartbeat: the work is under way
			cancel()
			return
		}
		time.AfterFunc(time.Second, cancel) // for a plugin that shows no phase
	})
	if err == nil {
		return errors.New("the suite's slow work came to an end")
	}
	limit := time.Now().Add(r.suite.Grace)
	for {
		_, running, err := i.Health(ctx)
		if err != nil {
			return fmt.Errorf("the plugin is gone: %w", err)
		}
		if running == 0 {
			return then(i)
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%v after the cancellation %w", r.suite.Grace, errStillRuns)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func cancelReturns(ctx context.Context, r *run) error {
	return r.cancelled(ctx, func(*instance) error { return nil })
}

func cancelDescendants(ctx context.Context, r *run) error {
	if _, ok := r.suite.Target.(binary); !ok {
		return skip{"it needs a binary"}
	}
	return r.afterCancelled(ctx, func(i *instance) error {
		if left := i.leftovers(i.cmd.Process.Pid); len(left) > 0 {
			return fmt.Errorf("these processes live: %v", left)
		}
		return nil
	})
}

func cancelUsable(ctx context.Context, r *run) error {
	return r.afterCancelled(ctx, func(i *instance) error {
		return r.cancelledAgain(ctx, i)
	})
}

// cancelledAgain fails unless the slow work sends an event again after a cancelled call.
func (r *run) cancelledAgain(ctx context.Context, i *instance) error {
	_, call, _, err := r.prepare(ctx, i)
	if err != nil {
		return err
	}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	started := false
	_, err = call(working, func(contract.WorkEvent) { started = true; cancel() })
	if !started {
		return fmt.Errorf("the next work does not begin: %w", err)
	}
	return nil
}

// killNoHalves kills the plugin several times, each time later in its work. An output
// that has the same bytes in every successful run must either have them here or not exist.
func killNoHalves(ctx context.Context, r *run) error {
	if _, ok := r.suite.Target.(binary); !ok {
		return skip{"it needs a binary"}
	}
	if len(r.stable) == 0 {
		return skip{"no output is the same at every run"}
	}
	for wait := time.Millisecond; wait < 300*time.Millisecond; wait *= 2 {
		i, err := r.ready(ctx, r.suite.Config)
		if err != nil {
			return err
		}
		dir, call, _, err := r.prepare(ctx, i)
		if err != nil {
			i.stop()
			return err
		}
		timer := time.AfterFunc(wait, func() { _ = i.cmd.Process.Kill() })
		_, err = call(ctx, nil)
		timer.Stop()
		i.stop()
		files, snapshotErr := published(dir)
		if snapshotErr != nil {
			return snapshotErr
		}
		for name, sum := range files {
			if want, ok := r.stable[filepath.Base(name)]; ok && want != sum {
				return fmt.Errorf("killed after %v, out/%s is not what it should be", wait, name)
			}
		}
		if err == nil {
			return nil // the work was quicker
		}
	}
	return nil
}

func signalInt(ctx context.Context, r *run) error {
	if _, ok := r.suite.Target.(binary); !ok {
		return skip{"it needs a binary"}
	}
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	for range 3 {
		if err := i.cmd.Process.Signal(syscall.SIGINT); err != nil {
			return err
		}
		if _, err := r.work(ctx, i); err != nil {
			return fmt.Errorf("after SIGINT: %w", err)
		}
	}
	return nil
}

func signalTerm(ctx context.Context, r *run) error {
	if _, ok := r.suite.Target.(binary); !ok {
		return skip{"it needs a binary"}
	}
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return i.awaitEnd(r.suite.Grace)
}

// awaitEnd fails if the process does not end in time or leaves other processes behind.
func (i *instance) awaitEnd(grace time.Duration) error {
	select {
	case <-i.ended:
		if left := i.leftovers(0); len(left) > 0 {
			return fmt.Errorf("it left the processes %v behind", left)
		}
		return nil
	case <-time.After(grace):
		return fmt.Errorf("it still runs after %v", grace)
	}
}

func drainRefuses(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	_, call, _, err := r.prepare(ctx, i)
	if err != nil {
		return err
	}
	for range 2 { // a second drain is no error
		running, err := i.Drain(ctx)
		if err != nil {
			return err
		}
		if running > 0 {
			return fmt.Errorf("%d calls run", running)
		}
	}
	switch _, err := call(ctx, nil); {
	case err == nil:
		return errors.New("it works")
	case contract.ClassOf(err) != contract.ClassInterrupted:
		return fmt.Errorf("the error is %s, not interrupted: %w", contract.ClassOf(err), err)
	}
	return nil
}

func shutdownEnds(ctx context.Context, r *run) error {
	if _, ok := r.suite.Target.(binary); !ok {
		return skip{"it needs a binary"}
	}
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	_ = i.shutdown() // the answer may be lost with the connection
	if err := i.awaitEnd(r.suite.Grace); err != nil {
		return err
	}
	if code := i.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("exit code %d", code)
	}
	return nil
}
