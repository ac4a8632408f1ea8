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

// sendWith lets a reporter's sender work until the background of the host ends, or its
// own stop is called, which waits for it. h.mu must be held.
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
