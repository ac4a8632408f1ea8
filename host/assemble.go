package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/outbox"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

type pointer[T any] = atomic.Pointer[T]

// stage is a configured stage and its supervised process.
type stage struct {
	config pipeline.Stage
	binary catalog.Binary
	*launch.Stage
}

// reporter is a reporter stage and the sender of its events.
type reporter struct {
	stage  *stage
	sender *outbox.Sender
	stop   func() // of the sender, once it works
}

// reports describes a reporter stage to the engine.
func (s *stage) reports() engine.Reporter {
	m := s.binary.Manifest
	return engine.Reporter{Name: s.config.Name, Wants: m.Events, Proofs: s.config.Proofs, Whole: m.Has(contract.CapabilityArtifacts)}
}

// file is the pipeline file that counts at this instant.
func (h *host) file() *pipeline.Pipeline {
	if current := h.current.Load(); current != nil {
		return current
	}
	return h.Pipeline
}

// staged lists the stages of this instant, in the order of the file.
func (h *host) staged() []*stage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stages
}

// reporting lists the reporters of this instant.
func (h *host) reporting() []*reporter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reporters
}

// startStages starts every plugin and waits until each was configured once. A
// plugin that fails at its first start fails the run: what the operator has just
// changed is best heard of at once.
func (h *host) startStages(ctx context.Context) error {
	starting, started := context.WithCancel(ctx)
	defer started()
	go h.tellStarting(starting)
	failed := make([]error, len(h.file().Stages))
	var configured sync.WaitGroup
	configured.Go(h.tellUnconfined) // which tries a namespace out
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

// startStage starts one stage's plugin and supervises it from then on, also when ctx
// ends. What is sent to up, once, says whether it was configured.
func (h *host) startStage(ctx context.Context, config pipeline.Stage) (s *stage, up <-chan error, err error) {
	binary, err := h.Catalog.Find(config.Plugin)
	if err != nil {
		return nil, nil, err
	}
	first := make(chan error, 1)
	var once sync.Once
	tell := func(err error) { once.Do(func() { first <- err }) }
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
				tell(nil)
			}
		case status.StageReady, status.StageDegraded, status.StageUnavailable:
			tell(nil)
		case status.StageBackoff, status.StageQuarantined:
			tell(fmt.Errorf("stage %s (%s) does not start: %s", config.Name, config.Plugin, state.LastError))
		}
	})
	return s, first, err
}

// stopStages ends every plugin, all at the same time.
func (h *host) stopStages() error {
	ctx, cancel := context.WithTimeout(h.Hard, h.grace.stop)
	defer cancel()
	stages := h.staged()
	errs := make([]error, len(stages))
	var stopping sync.WaitGroup
	for i, s := range stages {
		stopping.Go(func() { errs[i] = s.Stop(ctx) })
	}
	stopping.Wait()
	return errors.Join(errs...)
}

func logLevel(p *pipeline.Pipeline) string { return strings.ToLower(p.Log.Level.String()) }

// assemble makes the engine over the running stages, and a sender for each
// reporter. The chain is that of the blocks in the checkpoint, or 0.
func (h *host) assemble(chain uint64) error {
	config := engine.Config{
		Pipeline: h.file().Name, Selection: h.selection(h.file()),
		Limit: h.Limit, Grace: h.grace.attempt, Log: h.Log, Announced: h.announced,
	}
	for _, s := range h.staged() {
		if s.config.Kind == contract.KindReporter {
			config.Reporters = append(config.Reporters, s.reports())
			continue
		}
		var worker engine.Worker = s.Stage
		if s.config.Kind == contract.KindSource {
			worker = &chainGuard{source: s.Stage, data: h.file().Data, chain: chain}
		}
		verify, err := verifies(s)
		if err != nil {
			return err
		}
		makesProof := s.State().MakesProof
		config.Stages = append(config.Stages, engine.StageConfig{
			Name: s.config.Name, Kind: s.config.Kind, MakesProof: makesProof, Verify: verify && makesProof,
			Needs: s.config.Needs, Confirm: s.config.Confirm, Shadow: s.config.Shadow, Sample: s.config.Sample, Blocks: s.config.Blocks,
			Fingerprint: fingerprint(s.binary.Manifest, s.config.Config),
			Concurrency: s.config.Concurrency, Retries: s.config.Retry.Max, Backoff: s.config.Retry.Backoff,
			Timeout: s.config.Timeout, StuckAfter: s.config.StuckAfter, Worker: worker,
		})
	}
	e, err := engine.New(config, h.store, h.files)
	if err != nil {
		return err
	}
	for _, s := range h.staged() {
		if s.config.Kind == contract.KindReporter {
			h.reporters = append(h.reporters, h.reporter(s))
		}
	}
	h.engine.Store(e)
	return nil
}

// selection is that of the file, without an age where the source replays the past:
// there it is what is wanted.
func (h *host) selection(p *pipeline.Pipeline) selection.Selection {
	selected := p.Select
	for _, s := range h.staged() {
		if s.binary.Manifest.Has(contract.CapabilityReplay) {
			selected.DropAfter = 0
		}
	}
	return selected
}

// reporter makes the sender of a reporter stage. What a reporter rejects, and
// which proofs its other side has taken, is told to the others.
func (h *host) reporter(s *stage) *reporter {
	return &reporter{stage: s, sender: outbox.New(outbox.Config{
		Pipeline: h.file().Name, Reporter: s.config.Name, Concurrency: s.config.Concurrency, Timeout: s.config.Timeout,
		Accepted: func(e record.Event, facts map[string]string, published []contract.Artifact, now time.Time) []record.Event {
			if e.Kind == contract.EventQueued && facts[contract.FactOutcome] == contract.OutcomeProvedElsewhere {
				h.withdraw(e, s.config.Name)
			}
			return engine.Accepted(h.others(s.config.Name), s.config.Name, e, facts, published, now)
		},
		Alerts: func(e record.Event, reason string, now time.Time) []record.Event {
			return engine.Alerts(h.others(s.config.Name), contract.EventReporterRejected, s.config.Name, e.Block, map[string]string{
				contract.FactReason: fmt.Sprintf("%s rejected: %s", e.Kind, reason),
			}, now)
		},
		Alerted: h.announced,
		Folder:  func(block contract.Block) string { return path.Join(engine.Folder(block, false), h.bodies(s)) },
		Log:     h.Log,
	}, h.store, h.files, s.Stage)}
}

// others are the reporters of this instant but one.
func (h *host) others(name string) (others []engine.Reporter) {
	for _, r := range h.reporting() {
		if r.stage.config.Name != name {
			others = append(others, r.stage.reports())
		}
	}
	return others
}

// withdraw stops the work on a block of which a reporter's other side has a proof
// that it did not send, unless another reporter still waits for it.
func (h *host) withdraw(e record.Event, reporter string) {
	for _, r := range h.reporting() {
		if r.stage.config.Name != reporter && r.stage.binary.Manifest.Name == h.plugin(reporter) && slices.Contains(r.stage.config.Proofs, e.Stage) {
			return
		}
	}
	reason := fmt.Sprintf("%s has a proof of this block already, which it did not get from here", reporter)
	if err := h.engine.Load().Withdraw(context.Background(), e.Job, e.Stage, reason); err != nil {
		h.Log.Warn("work that is in vain goes on", "stage", e.Stage, "job", e.Job, "error", err)
	}
}

// plugin is the plugin of a reporter stage.
func (h *host) plugin(reporter string) string {
	for _, r := range h.reporting() {
		if r.stage.config.Name == reporter {
			return r.stage.binary.Manifest.Name
		}
	}
	return ""
}

// bodies is the folder, below a block's own, in which the files that a reporter hands
// out are kept: none for the first stage of a plugin, so that no two stages write
// the same file.
func (h *host) bodies(s *stage) string {
	for _, other := range h.staged() {
		if other.config.Name == s.config.Name {
			break
		}
		if other.config.Plugin == s.config.Plugin {
			return s.config.Name
		}
	}
	return ""
}

// reporterNames lists the reporter stages of the file.
func (h *host) reporterNames() (names []string) {
	for _, r := range h.reporting() {
		names = append(names, r.stage.config.Name)
	}
	return names
}

// announced wakes the senders after events were recorded.
func (h *host) announced() {
	for _, r := range h.reporting() {
		r.sender.Wake()
	}
}

// verifies reports whether a prover's proofs are verified before they count.
func verifies(s *stage) (bool, error) {
	can := s.binary.Manifest.Has(contract.CapabilityVerify)
	if s.config.Verify == nil {
		return can, nil
	}
	if *s.config.Verify && !can {
		return false, fmt.Errorf("stage %s: verify is true, but %s cannot verify its proofs", s.config.Name, s.config.Plugin)
	}
	return *s.config.Verify, nil
}

// fingerprint names a plugin and its configuration, without the secrets: work
// done under one fingerprint is not taken for work under another.
func fingerprint(m contract.Manifest, config json.RawMessage) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n", m.Name, m.Version)
	h.Write(withoutSecrets(m.Schema, config))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
