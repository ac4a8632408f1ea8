package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/change"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// renewTimeout is how long a reload waits until the plugin of one stage is idle and was
// started again.
const renewTimeout = time.Minute

// Reload reads the pipeline file again and applies what can be applied while the pipeline
// runs. Running attempts go on, and no block is lost or started again. A file with errors
// changes nothing.
func (h *host) Reload(ctx context.Context) (control.Reloaded, error) {
	h.mu.Lock()
	ending := h.ending
	h.mu.Unlock()
	switch {
	case h.Options.Reload == nil:
		return control.Reloaded{}, contract.Permanent(errors.New("this host cannot read its pipeline file again: restart it instead"))
	case ending == nil:
		_, err := h.runningEngine()
		return control.Reloaded{}, errors.Join(err, contract.Environment(errors.New("the pipeline is starting"), "ask again in a moment"))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ending, cancel)()
	h.reloading.Lock()
	defer h.reloading.Unlock()
	if ending.Err() != nil {
		return control.Reloaded{}, contract.Environment(errors.New("the pipeline is ending"), "the next run takes the file as it is then")
	}
	next, err := h.Options.Reload(ctx)
	if err != nil {
		return control.Reloaded{}, contract.Permanent(fmt.Errorf("the file is not applied: %w", err))
	}
	before, err := h.outline(h.file())
	if err != nil {
		return control.Reloaded{}, err
	}
	after, err := h.outline(next)
	if err != nil {
		return control.Reloaded{}, err
	}
	out := control.Reloaded{File: next.File, Applied: []change.Difference{}, Restart: []change.Difference{}, Failed: []control.Unapplied{}}
	differences := change.Compare(before, after)
	if len(differences) == 0 {
		return out, nil
	}
	r := reload{host: h, next: next, refused: map[string]error{}, renewed: map[string]bool{}}
	for _, d := range differences {
		r.renewed[d.Stage] = r.renewed[d.Stage] || d.Action == change.Plugin
	}
	if err := r.apply(ctx); err != nil {
		return out, err
	}
	for _, d := range differences {
		switch err := r.refused[d.Stage]; {
		case d.Action == change.Restart:
			out.Restart = append(out.Restart, d)
		case err != nil:
			out.Failed = append(out.Failed, control.Unapplied{Difference: d, Error: err.Error()})
		default:
			out.Applied = append(out.Applied, d)
		}
	}
	h.Log.Info("the pipeline file was read again", "file", next.File, "applied", len(out.Applied), "need_a_restart", len(out.Restart), "failed", len(out.Failed))
	for _, d := range out.Applied {
		h.Log.Info("applied", "change", d.String())
	}
	for _, d := range out.Restart {
		h.Log.Warn("needs a restart", "change", d.String())
	}
	for _, d := range out.Failed {
		h.Log.Error("not applied", "change", d.String(), "error", d.Error)
	}
	return out, h.saveOutline()
}

// reloadOnSignal reloads the file at every signal until ctx ends.
func (h *host) reloadOnSignal(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-h.ReloadSignal:
			if !open {
				return
			}
			if _, err := h.Reload(ctx); err != nil {
				h.Log.Error("the pipeline file was not read again", "error", err)
			}
		}
	}
}

// outline returns the outline of a pipeline. For the applied file it uses the plugins that
// run, for any other file the plugins that are installed now.
func (h *host) outline(p *pipeline.Pipeline) (change.Outline, error) {
	running := map[string]*stage{}
	for _, s := range h.currentStages() {
		running[s.config.Name] = s
	}
	return change.Of(p, h.Version, func(s pipeline.Stage) (change.StageInfo, error) {
		if p == h.file() && running[s.Name] != nil {
			return StageInfo(running[s.Name].binary, s), nil
		}
		binary, err := h.Catalog.Find(s.Plugin)
		return StageInfo(binary, s), err
	})
}

// saveOutline saves the outline of the running pipeline for commands that compare it.
func (h *host) saveOutline() error {
	outline, err := h.outline(h.file())
	if err != nil {
		return err
	}
	return change.Save(h.file().Data, outline)
}

// reload is one reload of the file.
type reload struct {
	*host
	next    *pipeline.Pipeline
	refused map[string]error // why a stage keeps its old configuration, by name
	renewed map[string]bool  // stages whose plugins are restarted, by name
}

// apply applies everything in the file that does not need a restart of the host.
func (r *reload) apply(ctx context.Context) error {
	effective := *r.file() // keeps the old values of what needs a restart
	level := effective.Log.Level
	effective.Select, effective.Keep, effective.Log.Level = r.next.Select, r.next.Keep, r.next.Log.Level
	effective.Monitor.StuckAfter = r.next.Monitor.StuckAfter
	effective.Stages = nil

	var stages []*stage
	var removed, added []*stage // reporters
	for _, s := range r.currentStages() {
		entry := r.next.Stage(s.config.Name)
		if entry == nil && s.config.Kind == contract.KindReporter {
			removed = append(removed, s)
			continue
		}
		stages = append(stages, r.adjust(ctx, s, entry))
	}
	for _, entry := range r.next.Stages {
		if entry.Kind != contract.KindReporter || slices.ContainsFunc(r.currentStages(), func(s *stage) bool { return s.config.Name == entry.Name }) {
			continue
		}
		if s, ok := r.startReporter(ctx, entry); ok {
			stages, added = append(stages, s), append(added, s)
		}
	}
	for _, s := range stages {
		effective.Stages = append(effective.Stages, s.config)
	}

	settings := engine.Settings{Selection: r.selection(&effective), Stages: map[string]engine.Tuning{}}
	for _, s := range stages {
		if s.config.Kind == contract.KindReporter {
			settings.Reporters = append(settings.Reporters, s.engineReporter())
			continue
		}
		settings.Stages[s.config.Name] = engine.Tuning{
			Fingerprint: fingerprint(s.binary.Manifest, s.config.Config), Concurrency: s.config.Concurrency, Retries: s.config.Retry.Max,
			Backoff: s.config.Retry.Backoff, Timeout: s.config.Timeout, StuckAfter: s.config.StuckAfter,
		}
	}
	unused := r.replace(&effective, stages, added)
	if err := r.engine.Load().Apply(ctx, settings); err != nil {
		return err // the host is ending
	}
	for _, reporter := range unused {
		reporter.stop()
	}
	for _, s := range removed {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.grace.stop)
		if err := s.Stop(stopping); err != nil {
			r.Log.Error("stop the plugin of a removed reporter", "stage", s.config.Name, "error", err)
		}
		cancel()
	}
	if r.Level != nil && level != effective.Log.Level { // an unchanged key keeps a level that a command has set
		if err := r.SetLogLevel(ctx, effective.Log.Level); err != nil {
			return err
		}
	}
	r.model.Reconfigure(effective.Select, proofsOf(&effective))
	return nil
}

// adjust applies the entry of a stage in the file as far as possible. It returns the
// stage, or a copy with the new configuration.
func (r *reload) adjust(ctx context.Context, s *stage, entry *pipeline.Stage) *stage {
	level := logLevel(r.next)
	s.Adjust(func(spec *launch.Spec) { spec.LogLevel = level })
	if entry == nil || entry.Plugin != s.config.Plugin || entry.Kind != s.config.Kind {
		return s
	}
	out := &stage{config: s.config, binary: s.binary, Stage: s.Stage}
	if r.renewed[s.config.Name] {
		binary, err := r.Catalog.Find(entry.Plugin)
		if err == nil {
			limited, cancel := context.WithTimeout(ctx, renewTimeout)
			err = s.Renew(limited, func(spec *launch.Spec) {
				spec.Binary, spec.Config, spec.Secrets = binary, entry.Config, secrets(binary.Manifest.Schema, entry.Config)
				spec.Env, spec.HeartbeatTimeout = entry.Env, entry.HeartbeatTimeout
				spec.Confine, spec.ScriptReads = Confinement(r.file(), entry), entry.Sandbox.ScriptReads()
				spec.User = entry.Sandbox.Account
			})
			cancel()
		}
		if err != nil {
			r.refused[s.config.Name] = err
			return s
		}
		out.binary = binary
		out.config.Config, out.config.Env, out.config.HeartbeatTimeout = entry.Config, entry.Env, entry.HeartbeatTimeout
		out.config.Sandbox, out.config.Files = entry.Sandbox, entry.Files
	}
	out.config.Retry, out.config.Timeout, out.config.StuckAfter = entry.Retry, entry.Timeout, entry.StuckAfter
	out.config.Concurrency, out.config.Proofs = entry.Concurrency, entry.Proofs
	return out
}

// startReporter starts the plugin of a reporter that is new in the file. When it does not
// start, ok is false and r.refused has the error.
func (r *reload) startReporter(ctx context.Context, entry pipeline.Stage) (s *stage, ok bool) {
	limited, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	s, up, err := r.startStage(ctx, entry)
	if err != nil {
		r.refused[entry.Name] = err
		return nil, false
	}
	select {
	case err = <-up:
	case <-limited.Done():
		err = fmt.Errorf("stage %s (%s) has not started within %v", entry.Name, entry.Plugin, renewTimeout)
	}
	if err == nil {
		return s, true
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.grace.stop)
	defer cancel()
	r.refused[entry.Name] = errors.Join(err, s.Stop(stopping))
	return nil, false
}

// replace makes the host use the given file and stages. It starts the senders of the added
// reporters and returns the reporters that are not among the stages any more.
func (r *reload) replace(effective *pipeline.Pipeline, stages, added []*stage) (unused []*reporter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.Store(effective)
	r.stages = stages
	var reporters []*reporter
	for _, old := range r.reporters {
		i := slices.IndexFunc(stages, func(s *stage) bool { return s.config.Name == old.stage.config.Name })
		if i < 0 {
			unused = append(unused, old)
			continue
		}
		old.sender.Tune(stages[i].config.Concurrency, stages[i].config.Timeout)
		reporters = append(reporters, &reporter{stage: stages[i], sender: old.sender, stop: old.stop})
	}
	for _, s := range added {
		reporter := r.newReporter(s)
		r.sendWith(reporter)
		reporters = append(reporters, reporter)
	}
	r.reporters = reporters
	return unused
}

// StageInfo returns what an outline needs to know about a stage with a binary.
func StageInfo(binary catalog.Binary, s pipeline.Stage) change.StageInfo {
	return change.StageInfo{
		Binary: binary, Fingerprint: fingerprint(binary.Manifest, s.Config), Secrets: secrets(binary.Manifest.Schema, s.Config),
	}
}
