package delivery

import (
	"context"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// noteFailure closes the block in the ledger, so that it does not count as overdue.
// It sends nothing, because the EthProofs API has no request for a failed block.
func (s *Sender) noteFailure(ctx context.Context, event Event) (map[string]string, error) {
	facts := skipped("EthProofs has no call for it")
	if s.IsDryRun() {
		return facts, nil
	}
	unlock, err := s.numbers.lock(ctx, event.Block.Number)
	if err != nil {
		return nil, contract.Interrupted(err)
	}
	defer unlock()
	s.waiting.drop(event.Block.Number)
	// The ledger has the versions under which the block was announced.
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
	return facts, nil
}
