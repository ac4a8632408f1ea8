package host

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// assemble makes the engine for the running stages, and a sender for each reporter. chain
// is the chain id of the blocks in the checkpoint, or 0 when there is none.
func (h *host) assemble(chain uint64) error {
	config := engine.Config{
		Pipeline: h.file().Name, Selection: h.selection(h.file()),
		Limit: h.Limit, Grace: h.grace.attempt, Log: h.Log, Announced: h.announced,
	}
	for _, s := range h.currentStages() {
		if s.config.Kind == contract.KindReporter {
			config.Reporters = append(config.Reporters, s.engineReporter())
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
	for _, s := range h.currentStages() {
		if s.config.Kind == contract.KindReporter {
			h.reporters = append(h.reporters, h.newReporter(s))
		}
	}
	h.engine.Store(e)
	return nil
}

// selection returns the selection of a file. When the source replays old blocks it is
// without drop_after.
func (h *host) selection(p *pipeline.Pipeline) selection.Selection {
	selected := p.Select
	for _, s := range h.currentStages() {
		if s.binary.Manifest.Has(contract.CapabilityReplay) {
			selected.DropAfter = 0
		}
	}
	return selected
}

// verifies reports whether the proofs of a prover are verified. It returns an error when
// the file asks for that and the plugin cannot do it.
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

// fingerprint identifies a plugin, its version and its configuration without the secrets.
// Results are used again only under the same fingerprint.
func fingerprint(m contract.Manifest, config json.RawMessage) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n", m.Name, m.Version)
	h.Write(withoutSecrets(m.Schema, config))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
