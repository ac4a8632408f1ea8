package live

import (
	"context"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/selection"
)

// pendingConfig is the part of a Config that can change while the model runs.
type pendingConfig struct {
	selection selection.Selection
	proofs    map[string][]string
}

// Reconfigure changes the selection and the proofs of the reporters with the next
// update. It may be called concurrently.
func (m *Model) Reconfigure(selected selection.Selection, proofs map[string][]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending = &pendingConfig{selected, proofs}
}

// applyPending applies the last Reconfigure. If the score's limit changes with the
// selection, the targets of the last day are computed again.
func (m *Model) applyPending(ctx context.Context) {
	m.mu.Lock()
	next := m.pending
	m.pending = nil
	m.mu.Unlock()
	if next == nil {
		return
	}
	m.cfg.Selection, m.cfg.Proofs = next.selection, next.proofs
	limit := score.RulesFor(next.selection.Targets.Every).ThresholdMS
	if m.limit.Swap(limit) != limit {
		m.window = newWindow(limit)
		m.logError(m.loadLastDay(ctx))
	}
}
