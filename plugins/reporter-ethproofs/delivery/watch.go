package delivery

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

const (
	// overdueAfter is the age from which an announced block without a proof is overdue.
	// EthProofs counts such a block against the operator after 20 minutes.
	overdueAfter  = 15 * time.Minute
	watchInterval = time.Minute
	// retention is how long the ledger keeps blocks that are not open any more.
	retention = 90 * 24 * time.Hour
)

// watch warns once about each block whose proof is overdue, and prunes the ledger once
// a day. It returns when the context ends.
func (s *Sender) watch(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var pruned time.Time
	for {
		s.warnOverdue()
		if time.Since(pruned) > 24*time.Hour {
			pruned = time.Now()
			if n, err := s.ledger.Prune(time.Now().Add(-retention)); err != nil {
				s.options.Log.Warn("the ledger could not be pruned", "error", err)
			} else if n > 0 {
				s.options.Log.Debug("old entries left the ledger", "entries", n)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// warnOverdue reads the overdue blocks from the ledger and warns about those that were
// not overdue at the call before.
func (s *Sender) warnOverdue() {
	blocks, err := s.openBlocks(time.Now().Add(-overdueAfter))
	if err != nil {
		s.options.Log.Warn("overdue blocks could not be looked up", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	overdue := make(map[uint64]bool, len(blocks))
	for _, block := range blocks {
		overdue[block.Number] = true
		if !s.overdue[block.Number] {
			s.options.Log.Warn("a block is announced and not proved; EthProofs counts it against the cluster from 20 minutes on",
				"block", block.Number, "announced", block.Since.UTC())
		}
	}
	s.overdue = overdue
}

// openBlocks returns the blocks that were announced under the cluster's latest version
// before the time and are not proved.
func (s *Sender) openBlocks(before time.Time) ([]ledger.OpenBlock, error) {
	version, err := s.ledger.Version(s.options.URL, s.options.Cluster)
	if err != nil || version == 0 {
		return nil, err
	}
	target := ledger.Target{URL: s.options.URL, Cluster: s.options.Cluster, Version: version}
	return s.ledger.OpenBlocks(target, before)
}

// settle removes a block from the overdue ones.
func (s *Sender) settle(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.overdue, number)
}

// Health returns the state of the stage. It is unavailable while the server refuses the
// account: the host then sends no events, and the sender itself probes when the refusal
// ends. It is degraded during an outage, while proofs are overdue, and after a check has
// found a faulty stored proof.
func (s *Sender) Health() contract.Health {
	refused, outage := s.account.describe(), s.outage.describe()
	health := contract.Health{State: contract.HealthReady}
	switch {
	case refused != "":
		health.State, health.Detail = contract.HealthUnavailable, refused
	case outage != "":
		health.State, health.Detail = contract.HealthDegraded, outage
	default:
		if health.Detail = cmp.Or(s.describeOverdue(), s.checks.describe()); health.Detail != "" {
			health.State = contract.HealthDegraded
		}
	}
	if !s.IsDryRun() {
		health.Endpoints = []contract.Endpoint{s.client.Endpoint(cmp.Or(refused, outage))}
	}
	return health
}

// describeOverdue describes the overdue proofs, and is empty where there are none.
func (s *Sender) describeOverdue() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.overdue) == 0 {
		return ""
	}
	first := slices.Min(slices.Collect(maps.Keys(s.overdue)))
	return fmt.Sprintf("%d blocks are announced and not proved for over 15 minutes, the first is %d", len(s.overdue), first)
}
