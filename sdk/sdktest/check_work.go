package sdktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/wire"
)

// worked is a work call that has succeeded.
type worked struct {
	dir    string
	task   contract.Task
	result *contract.Result
}

// work makes one work call of the plugin's kind. It fails if the call has changed the
// inputs, or if the outputs are not what the result claims.
func (r *run) work(ctx context.Context, i *instance) (*worked, error) {
	dir, call, task, err := r.prepare(ctx, i)
	if err != nil {
		return nil, err
	}
	before, err := snapshot(filepath.Join(dir, "in"))
	if err != nil {
		return nil, err
	}
	result, err := call(ctx, nil)
	if err != nil {
		return nil, err
	}
	after, err := snapshot(filepath.Join(dir, "in"))
	if err == nil && !maps.Equal(before, after) {
		err = errors.New("the inputs have changed")
	}
	if err == nil {
		err = checkOutputs(dir, result.Outputs)
	}
	return &worked{dir, task, result}, err
}

// prepare makes a directory for a work call of the plugin's kind, and returns the
// function that makes the call. The task is empty for a reporter.
func (r *run) prepare(ctx context.Context, i *instance) (dir string,
	call func(context.Context, func(contract.WorkEvent)) (*contract.Result, error), task contract.Task, err error) {
	if r.manifest.Kind == contract.KindReporter {
		event, err := r.event(r.suite.Event)
		return event.Dir, func(ctx context.Context, seen func(contract.WorkEvent)) (*contract.Result, error) {
			return i.Report(ctx, event, seen)
		}, task, err
	}
	if r.manifest.Kind == contract.KindSource && r.suite.Block.Hash.IsZero() {
		polled, err := r.poll(ctx, i, 1)
		if err != nil {
			return "", nil, task, err
		}
		r.suite.Block = polled.Blocks[0] // all further work is about this block
	}
	task, err = r.task(r.block())
	return task.Dir, func(ctx context.Context, seen func(contract.WorkEvent)) (*contract.Result, error) {
		return i.Work(ctx, r.manifest.Kind, task, seen)
	}, task, err
}

func workSucceeds(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	dir, call, _, err := r.prepare(ctx, i)
	if err != nil {
		return err
	}
	events, last, longest := 0, time.Now(), time.Duration(0)
	result, err := call(ctx, func(contract.WorkEvent) {
		events++
		longest, last = max(longest, time.Since(last)), time.Now()
	})
	switch {
	case err != nil:
		return err
	case events == 0:
		return errors.New("no event came before the result: at least a heartbeat must")
	case longest > wire.HeartbeatInterval+5*time.Second:
		return fmt.Errorf("%v passed between two events, at most %v may", longest, wire.HeartbeatInterval)
	}
	return errors.Join(checkOutputs(dir, result.Outputs), i.untouched())
}

// workAgain also stores in r.stable which outputs have the same bytes every time.
func workAgain(ctx context.Context, r *run) error {
	var runs []*worked
	for range 2 {
		i, err := r.ready(ctx, r.suite.Config)
		if err != nil {
			return err
		}
		one, err := r.work(ctx, i)
		two, err2 := r.work(ctx, i)
		i.stop()
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		runs = append(runs, one, two)
	}
	r.stable = map[string][32]byte{}
	for _, a := range runs[0].result.Outputs {
		same := func(w *worked) bool {
			return slices.ContainsFunc(w.result.Outputs, func(b contract.Artifact) bool { return b.Name == a.Name && b.SHA256 == a.SHA256 })
		}
		if same(runs[1]) && same(runs[2]) && same(runs[3]) {
			r.stable[a.Name] = a.SHA256
		}
	}
	return nil
}

func workParallel(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	var wait sync.WaitGroup
	problems := make([]error, r.suite.Parallel)
	for n := range problems {
		dir, call, _, err := r.prepare(ctx, i)
		if err != nil {
			return err
		}
		wait.Go(func() {
			result, err := call(ctx, nil)
			if err == nil {
				err = checkOutputs(dir, result.Outputs)
			}
			problems[n] = err
		})
	}
	wait.Wait()
	return errors.Join(problems...)
}

func workNoInput(ctx context.Context, r *run) error {
	if len(r.suite.Inputs) == 0 || r.manifest.Kind == contract.KindReporter {
		return skip{"the work needs no input"}
	}
	bare := *r
	bare.suite.Inputs = nil
	return r.mustFail(ctx, func(i *instance) error {
		_, err := bare.work(ctx, i)
		r.folders = bare.folders
		return err
	})
}

func workChangedInput(ctx context.Context, r *run) error {
	if len(r.suite.Inputs) == 0 || r.manifest.Kind == contract.KindReporter {
		return skip{"the work needs no input"}
	}
	return r.mustFail(ctx, func(i *instance) error {
		dir, call, task, err := r.prepare(ctx, i)
		if err != nil {
			return nil
		}
		for _, in := range task.Inputs {
			path := filepath.Join(dir, filepath.FromSlash(in.Path))
			if err := os.Remove(path); err != nil {
				return nil
			}
			if err := os.WriteFile(path, bytes.Repeat([]byte{'x'}, int(in.Size)), 0o400); err != nil {
				return nil
			}
		}
		_, err = call(ctx, nil)
		return err
	})
}

// mustFail fails unless the call returns an error and the plugin still answers afterwards.
func (r *run) mustFail(ctx context.Context, call func(*instance) error) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	err = call(i)
	switch {
	case err == nil:
		return errors.New("the work succeeds")
	case wire.IsPanic(err):
		return fmt.Errorf("it panics: %w", err)
	case ctx.Err() != nil:
		return fmt.Errorf("it does not return: %w", err)
	}
	if _, _, healthErr := i.Health(ctx); healthErr != nil {
		return fmt.Errorf("it ends (%w) with %w", healthErr, err)
	}
	return nil
}

func verifyAccepts(ctx context.Context, r *run) error {
	return r.verifying(ctx, func(i *instance, task contract.Task, _ int) error { return i.Verify(ctx, task, nil) })
}

// verifyEvents fails unless a verification sends events, as every work call does.
func verifyEvents(ctx context.Context, r *run) error {
	return r.verifying(ctx, func(i *instance, task contract.Task, _ int) error {
		events := 0
		err := i.Verify(ctx, task, func(contract.WorkEvent) { events++ })
		if err != nil {
			return skip{"the proof does not verify"}
		}
		if events == 0 {
			return errors.New("no event came before the result: at least a heartbeat must")
		}
		return nil
	})
}

func verifyRejects(ctx context.Context, r *run) error {
	return r.verifying(ctx, func(i *instance, task contract.Task, proof int) error {
		if err := corrupt(task, proof); err != nil {
			return err
		}
		switch err := i.Verify(ctx, task, nil); {
		case err == nil:
			return errors.New("it is accepted")
		case contract.ClassOf(err) != contract.ClassPermanent && contract.ClassOf(err) != contract.ClassRetryable:
			return fmt.Errorf("the error is %s, neither permanent nor retryable: %w", contract.ClassOf(err), err)
		}
		return nil
	})
}

// corrupt changes a byte of the proof among the inputs, and updates its recorded hash.
func corrupt(task contract.Task, proof int) error {
	a := &task.Inputs[proof]
	data, err := os.ReadFile(filepath.Join(task.Dir, filepath.FromSlash(a.Path)))
	if err != nil || len(data) == 0 {
		return fmt.Errorf("no proof to change: %w", err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(filepath.Join(task.Dir, "in", a.Name), data, 0o400); err != nil {
		return err
	}
	*a = contract.Artifact{Name: a.Name, Path: "in/" + a.Name, Size: a.Size, Role: a.Role, SHA256: digest(data)}
	return nil
}

// verifying makes a proof and calls f with the task of its verification and the index of
// the proof among the task's inputs.
func (r *run) verifying(ctx context.Context, f func(i *instance, task contract.Task, proof int) error) error {
	if !r.manifest.Has(contract.CapabilityVerify) {
		return skip{"the prover does not announce that it verifies"}
	}
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	if a, err := i.Assess(ctx, r.suite.Config, true); err == nil && a.Traits != nil && !a.Traits.MakesProof {
		return skip{"with this configuration it is a gate, which makes no proof"}
	}
	w, err := r.work(ctx, i)
	if err != nil {
		return err
	}
	task := w.task
	task.Inputs = append(slices.Clone(task.Inputs), w.result.Outputs...)
	proof := slices.IndexFunc(task.Inputs, func(a contract.Artifact) bool { return a.Role == contract.RoleProof })
	if proof < 0 {
		return errors.New("no output has the role of the proof")
	}
	return f(i, task, proof)
}
