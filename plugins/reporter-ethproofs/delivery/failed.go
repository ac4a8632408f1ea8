package delivery

import (
	"context"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// noteFailure closes the block in the ledger, so that nobody waits for its
// proof. EthProofs has no call for it.
func (s *Sender) noteFailure(ctx context.Context, event Event) (map[string]string, error) {
	noted := skipped("EthProofs has no call for it")
	if s.IsDryRun() {
		return noted, nil
	}
	unlock, err := s.numbers.lock(ctx, event.Block.Number)
	if err != nil {
		return nil, contract.Interrupted(err)
	}
	defer unlock()
	s.waiting.drop(event.Block.Number)
	// The version that was announced under is in the ledger; the server has no part
	// in this.
	entries, err := s.ledger.Versions(s.options.URL, s.options.Cluster, event.Block.Number)
	if err != nil {
		return nil, ledgerFault(err)
	}
	for version, entry := range entries {
		if !entry.IsOpen() || entry.Hash != event.Block.Hash {
			continue
		}
		target := ledger.Target{URL: s.options.URL, Cluster: s.options.Cluster, Version: version}
		if _, err := s.ledger.Update(target, event.Block.Number, func(e *ledger.Entry) { e.Failed = true }); err != nil {
			return nil, ledgerFault(err)
		}
		s.settle(event.Block.Number)
		s.options.Log.Warn("an announced block is given up and stays unproved at EthProofs", "block", event.Block.Number, contract.FactReason, event.Facts[contract.FactReason])
	}
	return noted, nil
}
