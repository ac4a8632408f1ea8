package ethnode

import (
	"errors"
	"fmt"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// condition is what a node can be used for at an instant, and the reason where it
// cannot be used for everything.
type condition struct {
	head, witness bool
	reason        error
}

func (n *node) condition(now time.Time) condition {
	if err := n.usable(now, BlockData); err != nil {
		return condition{reason: err}
	}
	if err := n.calls.failing(); err != nil && n.lastHead().Number == 0 { // it has never answered
		return condition{reason: err}
	}
	c := condition{head: canHead(n), witness: canWitness(n)}
	if c.witness {
		if err := n.usable(now, WitnessData); err != nil {
			c.witness, c.reason = false, fmt.Errorf("witnesses: %w", err)
		}
	}
	return c
}

// Health reports, without a request, which nodes are usable and how the calls to each
// went. The detail names an old head, which does not change the state.
func (p *Pool) Health() contract.Health {
	now := time.Now()
	var reasons []error
	heads, witnesses := 0, 0
	h := contract.Health{State: contract.HealthReady}
	for _, n := range p.nodes {
		c, why := n.condition(now), ""
		if c.reason != nil {
			reasons = append(reasons, c.reason)
			why = c.reason.Error()
		}
		if c.head {
			heads++
		}
		if c.witness {
			witnesses++
		}
		h.Endpoints = append(h.Endpoints, n.tally.Endpoint(n.Label(), why))
	}
	if len(reasons) > 0 {
		h.State = contract.HealthDegraded
	}
	p.mu.Lock()
	if age := p.headAge(now); age > 0 && heads > 0 { // the existing blocks can still be fetched
		reasons = append(reasons, fmt.Errorf("the newest head, block %d, is %v old (%s)", p.best.Number, age, headAgeRemedy))
	}
	p.mu.Unlock()
	if len(reasons) > 0 {
		h.Detail = errors.Join(reasons...).Error()
	}
	if heads == 0 || witnesses == 0 {
		h.State = contract.HealthUnavailable
	}
	return h
}
