package live

import (
	"context"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/selection"
)

// changeable is the part of a Config that can change while the model runs.
type changeable struct {
	selection selection.Selection
	proofs    map[string][]string
}

// Reconfigure shows another selection and other reporters from the next look on. It may
// be called at any time.
func (m *Model) Reconfigure(selected selection.Selection, proofs map[string][]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changed = &changeable{selected, proofs}
}

// takeChanges takes over what Reconfigure has left. The score's limit depends on the
// selection; with another one the last day is judged anew.
func (m *Model) takeChanges(ctx context.Context) {
	m.mu.Lock()
	next := m.changed
	m.changed = nil
	m.mu.Unlock()
	if next == nil {
		return
	}
	m.cfg.Selection, m.cfg.Proofs = next.selection, next.proofs
	limit := score.RulesFor(next.selection.Targets.Every).ThresholdMS
	if m.limit.Swap(limit) != limit {
		m.window = newWindow(limit)
		m.complain(m.begin(ctx))
	}
}
