package host

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/outbox"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// newReporter returns a reporter stage with its sender. Rejections and acceptances of
// proofs are announced to the other reporters.
func (h *host) newReporter(s *stage) *reporter {
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

// others returns the current reporters except one.
func (h *host) others(name string) (others []engine.Reporter) {
	for _, r := range h.currentReporters() {
		if r.stage.config.Name != name {
			others = append(others, r.stage.engineReporter())
		}
	}
	return others
}

// withdraw stops the work of a proof stage on a block, because the service behind a
// reporter has a proof of another prover. It does nothing when another reporter of the
// same plugin reports that proof stage, too.
func (h *host) withdraw(e record.Event, reporter string) {
	for _, r := range h.currentReporters() {
		if r.stage.config.Name != reporter && r.stage.binary.Manifest.Name == h.plugin(reporter) && slices.Contains(r.stage.config.Proofs, e.Stage) {
			return
		}
	}
	reason := fmt.Sprintf("%s has a proof of this block already, which it did not get from here", reporter)
	if err := h.engine.Load().Withdraw(context.Background(), e.Job, e.Stage, reason); err != nil {
		h.Log.Warn("work that is in vain goes on", "stage", e.Stage, "job", e.Job, "error", err)
	}
}

// plugin returns the name of the plugin of a reporter stage; empty for an unknown stage.
func (h *host) plugin(reporter string) string {
	for _, r := range h.currentReporters() {
		if r.stage.config.Name == reporter {
			return r.stage.binary.Manifest.Name
		}
	}
	return ""
}

// bodies returns the folder below the folder of a block to which the files of a reporter
// are published. It is empty for the first stage of a plugin and the name of the stage for
// any other, so that no two stages write the same file.
func (h *host) bodies(s *stage) string {
	for _, other := range h.currentStages() {
		if other.config.Name == s.config.Name {
			break
		}
		if other.config.Plugin == s.config.Plugin {
			return s.config.Name
		}
	}
	return ""
}

// reporterNames returns the names of the current reporters.
func (h *host) reporterNames() (names []string) {
	for _, r := range h.currentReporters() {
		names = append(names, r.stage.config.Name)
	}
	return names
}

// announced wakes all senders. It is called after events were recorded.
func (h *host) announced() {
	for _, r := range h.currentReporters() {
		r.sender.Wake()
	}
}

// sendWith runs the sender of a reporter until h.sending ends or r.stop is called, which
// waits for the sender. h.mu must be held.
func (h *host) sendWith(r *reporter) {
	ctx, cancel := context.WithCancel(h.sending)
	ended := make(chan struct{})
	h.senders.Go(func() {
		defer close(ended)
		r.sender.Run(ctx)
	})
	r.stop = func() {
		cancel()
		<-ended
	}
}
