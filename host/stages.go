package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/status"
)

// startStages starts every plugin and waits until each was configured once. A plugin that
// fails at its first start fails the run, so that the operator sees the error at once.
func (h *host) startStages(ctx context.Context) error {
	starting, started := context.WithCancel(ctx)
	defer started()
	go h.logStarting(starting)
	failed := make([]error, len(h.file().Stages))
	var configured sync.WaitGroup
	configured.Go(h.logUnconfined) // it tests a namespace, which takes time
	for i, config := range h.file().Stages {
		s, up, err := h.startStage(ctx, config)
		if err != nil {
			return err
		}
		h.mu.Lock()
		h.stages = append(slices.Clip(h.stages), s)
		h.mu.Unlock()
		configured.Go(func() {
			select {
			case failed[i] = <-up:
			case <-ctx.Done():
			}
		})
	}
	configured.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return ctx.Err()
}

// startStage starts the plugin of one stage and supervises it from then on, also after the
// end of ctx. It sends one value to up: nil when the plugin was configured, or why it was
// not.
func (h *host) startStage(ctx context.Context, config pipeline.Stage) (s *stage, up <-chan error, err error) {
	binary, err := h.Catalog.Find(config.Plugin)
	if err != nil {
		return nil, nil, err
	}
	first := make(chan error, 1)
	var once sync.Once
	send := func(err error) { once.Do(func() { first <- err }) }
	s = &stage{config: config, binary: binary}
	s.Stage, err = launch.StartStage(context.WithoutCancel(ctx), launch.Spec{
		Run: h.run, Pipeline: h.file().Name, Stage: config.Name, Binary: binary,
		Config: config.Config, Secrets: secrets(binary.Manifest.Schema, config.Config),
		StateDir: filepath.Join(h.file().Data, "state", config.Name), LogLevel: logLevel(h.file()),
		Confine: Confinement(h.file(), &config), ScriptReads: config.Sandbox.ScriptReads(), User: config.Sandbox.Account,
		Env: config.Env, HeartbeatTimeout: config.HeartbeatTimeout, Grace: h.grace.handler, Log: h.Log.With("stage", config.Name),
	}, func(state launch.StageState) {
		switch state.State {
		case status.StageStarting:
			if state.PID > 0 {
				send(nil)
			}
		case status.StageReady, status.StageDegraded, status.StageUnavailable:
			send(nil)
		case status.StageBackoff, status.StageQuarantined:
			send(fmt.Errorf("stage %s (%s) does not start: %s", config.Name, config.Plugin, state.LastError))
		}
	})
	return s, first, err
}

// stopStages stops all plugins at the same time and waits for them.
func (h *host) stopStages() error {
	ctx, cancel := context.WithTimeout(h.Hard, h.grace.stop)
	defer cancel()
	stages := h.currentStages()
	errs := make([]error, len(stages))
	var stopping sync.WaitGroup
	for i, s := range stages {
		stopping.Go(func() { errs[i] = s.Stop(ctx) })
	}
	stopping.Wait()
	return errors.Join(errs...)
}

// logLevel returns the log level of a pipeline as plugins read it.
func logLevel(p *pipeline.Pipeline) string { return strings.ToLower(p.Log.Level.String()) }
