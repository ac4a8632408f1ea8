package delivery

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

const (
	// maxUnlistedTries is how many tries search the list for a proof that the server
	// has and does not list. relistPause is the pause between two of them.
	maxUnlistedTries = 3
	relistPause      = 5 * time.Second
	// maxQueryTries is how many tries ask the site whose proof it has. After them an
	// answer of 409 is judged without the site's list.
	maxQueryTries = 8
)

// hasProof decides what an answer of 409 means: the number has a proof under the
// cluster's newest version. The proof is ours if a proof of the hash was sent before
// this request, under any version, or if the site's figures are those of a proof that
// we sent. Any other proof is a conflict. The caller holds the lock of the number.
func (s *Sender) hasProof(ctx context.Context, r *request, cause error) (map[string]string, error) {
	if !r.sentBefore { // this request stored nothing; the next try must know that
		if _, err := s.ledger.Update(r.target, r.block.Number, func(e *ledger.Entry) { e.MarkRefused(r.block.Hash) }); err != nil {
			return nil, ledgerFault(err)
		}
	}
	version, err := s.version.refresh(ctx)
	if err != nil {
		return nil, err
	}
	versionChanged := version != r.target.Version
	r.target.Version = version
	entries, err := s.ledger.Versions(s.options.URL, s.options.Cluster, r.block.Number)
	if err != nil {
		return nil, ledgerFault(err)
	}
	if id := entries[version].ProofID; r.sentBefore && !versionChanged && id != 0 {
		return s.ourProof(r, id)
	}
	stored, err := s.storedProof(ctx, r)
	switch {
	case err != nil && !r.sentBefore && r.try < queryTries(err):
		return nil, contract.RetryAfter(fmt.Errorf("EthProofs has a proof of block %d, a conflict unless this stage has sent it, and cannot be asked whose: %w", r.block.Number, err), pauseOf(err, r.try))
	case err != nil && !r.sentBefore:
		return nil, s.conflict(r, "EthProofs cannot be asked whose: "+err.Error(), cause)
	case r.sentBefore || stored != nil && isOurs(*stored, r, entries):
		id := int64(0)
		if stored != nil {
			id = stored.ID
		}
		return s.ourProof(r, id)
	case stored == nil && r.try < maxUnlistedTries:
		return nil, contract.RetryAfter(fmt.Errorf("EthProofs has a proof of block %d that it does not list yet: %w", r.block.Number, cause), relistPause)
	}
	description := "EthProofs does not list it"
	if stored != nil {
		description = describe(*stored)
	}
	if r.phase == ethproofs.Proved {
		return nil, s.conflict(r, description, cause)
	}
	return s.provedElsewhere(r, stored, description)
}

// queryTries returns how many tries ask the site again after such an error. A site that
// does not offer the list is asked fewer times.
func queryTries(err error) uint32 {
	switch statusOf(err) {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return maxUnlistedTries
	}
	return maxQueryTries
}

// storedProof returns the proof of the number that the site lists under the cluster's
// newest version, and nil where it lists none.
func (s *Sender) storedProof(ctx context.Context, r *request) (*ethproofs.StoredProof, error) {
	if err := s.pace.Wait(ctx, ethproofs.Urgent); err != nil {
		return nil, err
	}
	list, limit, err := s.client.Proofs(ctx, r.block.Number)
	s.pace.Answered(limit)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(list, func(p ethproofs.StoredProof) bool { return p.Version == r.target.Version })
	if at < 0 {
		return nil, nil
	}
	return &list[at], nil
}

// isOurs reports whether the site's figures are those of the request's proof or of a
// proof that was sent before for the same hash.
func isOurs(stored ethproofs.StoredProof, r *request, entries map[int64]ledger.Entry) bool {
	if accepted := entries[stored.Version].Accepted; accepted != nil && *accepted != r.block.Hash {
		return false // it is the proof of the block that had the number before a reorg
	}
	same := func(p ledger.SentProof) bool {
		return p.Hash == r.block.Hash && p.Size == stored.Size && p.TimeMS == stored.Time
	}
	if r.phase == ethproofs.Proved && same(r.proof) && stored.Cycles == r.cycles {
		return true
	}
	for _, entry := range entries {
		if slices.ContainsFunc(entry.Proofs, same) && entry.HasSent(r.block.Hash) {
			return true
		}
	}
	return false
}

func describe(p ethproofs.StoredProof) string {
	return fmt.Sprintf("it is proof %d of team %s, %d bytes, proving time %d ms, stored at %s",
		p.ID, p.Team.Slug, p.Size, p.Time, p.Proved.UTC().Format(time.RFC3339))
}

// ourProof records that the server has the proof from an earlier try, and returns the
// facts of the delivery. proofID is 0 where it is not known.
func (s *Sender) ourProof(r *request, proofID int64) (map[string]string, error) {
	if r.phase != ethproofs.Proved {
		if err := s.closeNumber(r); err != nil {
			return nil, err
		}
		facts := skipped("EthProofs has this block's proof already")
		if proofID != 0 {
			facts[FactProofID] = strconv.FormatInt(proofID, 10)
		}
		return facts, nil
	}
	entry, err := s.ledger.Update(r.target, r.block.Number, func(e *ledger.Entry) {
		e.MarkSent(r.phase, r.block.Hash)
		e.MarkAcknowledged(r.phase, r.block.Hash, proofID, time.Now().UTC())
	})
	if err != nil {
		return nil, ledgerFault(err)
	}
	return s.accepted(r, entry, contract.OutcomeAcceptedBefore), nil
}

// closeNumber records that the number is proved, so that no announcement of it is sent
// any more.
func (s *Sender) closeNumber(r *request) error {
	_, err := s.ledger.Update(r.target, r.block.Number, func(e *ledger.Entry) { e.Reached = ethproofs.Proved })
	if err != nil {
		return ledgerFault(err)
	}
	return nil
}

// provedElsewhere returns the facts for an announcement of a number that another
// process has proved for this cluster.
func (s *Sender) provedElsewhere(r *request, stored *ethproofs.StoredProof, description string) (map[string]string, error) {
	if err := s.closeNumber(r); err != nil {
		return nil, err
	}
	facts := map[string]string{
		FactOutcome: contract.OutcomeProvedElsewhere,
		FactReason:  fmt.Sprintf("cluster %d has a proof of the number at EthProofs that this stage has not sent: %s", s.options.Cluster, description),
	}
	if stored != nil {
		facts[FactProofID] = strconv.FormatInt(stored.ID, 10)
	}
	if s.options.ProveAnyway {
		facts[FactOutcome] = contract.OutcomeSkipped
	}
	s.options.Log.Warn("the block is proved already at EthProofs", "block", r.block.Number, FactReason, facts[FactReason], FactOutcome, facts[FactOutcome])
	return facts, nil
}

// conflict returns a permanent error for a proof in whose place the server has another.
func (s *Sender) conflict(r *request, description string, cause error) error {
	if _, err := s.ledger.Update(r.target, r.block.Number, func(e *ledger.Entry) {
		e.MarkRefused(r.block.Hash)
		e.Reached = ethproofs.Proved
	}); err != nil {
		return ledgerFault(err)
	}
	return contract.Permanent(fmt.Errorf("conflict: cluster %d has a proof of block %d at EthProofs that was not sent by this stage for hash %s; %s (does another process report for the same cluster?): %w",
		s.options.Cluster, r.block.Number, r.block.Hash, description, cause))
}
