package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
)

// Target is where blocks are announced: EthProofs keeps one row per block and
// cluster version.
type Target struct {
	URL     string
	Cluster int
	Version int64
}

func (t Target) String() string { return t.prefix() + strconv.FormatInt(t.Version, 10) }

func (t Target) prefix() string { return fmt.Sprintf("%s#%d@", t.URL, t.Cluster) }

// Entry is what was said of one block number to one target.
type Entry struct {
	// Reached is the highest phase that was sent, whether or not the answer
	// arrived. Acknowledged is the highest that was answered with 200.
	Reached      ethproofs.Phase `json:"reached"`
	Acknowledged ethproofs.Phase `json:"acknowledged"`
	// Announced is the higher of queued and proving that was sent.
	Announced ethproofs.Phase `json:"announced,omitempty"`
	Hash      contract.Hash   `json:"hash"` // of the block that was sent last
	// Sent are the hashes whose proof was sent and may have been stored.
	Sent []contract.Hash `json:"sent,omitempty"`
	// Proofs describe the proofs that were sent, the latest last. Entries that were
	// written before there was this field have none.
	Proofs []SentProof `json:"proofs,omitempty"`
	// Accepted is the hash whose proof the server has.
	Accepted    *contract.Hash `json:"accepted,omitempty"`
	ProofID     int64          `json:"proof_id,omitempty"` // 0 for not known
	Failed      bool           `json:"failed,omitempty"`   // given up by the pipeline
	AnnouncedAt time.Time      `json:"announced_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
}

// SentProof is what the site shows of a proof, so that one of ours can be told
// from another.
type SentProof struct {
	Hash   contract.Hash `json:"hash"` // of the block
	Size   int64         `json:"size"`
	TimeMS int64         `json:"time_ms"`
	SHA256 [32]byte      `json:"sha256"`
}

// mostProofs is how many sent proofs an entry remembers.
const mostProofs = 8

// IsOpen reports whether the block is announced, so that its proof is owed.
func (e Entry) IsOpen() bool {
	return e.Accepted == nil && !e.Failed && e.Acknowledged != 0
}

// MarkSent records that a phase of a hash is about to be sent.
func (e *Entry) MarkSent(phase ethproofs.Phase, hash contract.Hash) {
	e.Reached, e.Hash, e.Failed = max(e.Reached, phase), hash, false
	if phase != ethproofs.Proved {
		e.Announced = max(e.Announced, phase)
	} else if !slices.Contains(e.Sent, hash) {
		e.Sent = append(e.Sent, hash)
	}
}

// MarkProof records what the proof that is about to be sent looks like.
func (e *Entry) MarkProof(proof SentProof) {
	e.Proofs = slices.DeleteFunc(e.Proofs, func(p SentProof) bool { return p == proof })
	e.Proofs = append(e.Proofs, proof)
	if len(e.Proofs) > mostProofs {
		e.Proofs = slices.Clone(e.Proofs[len(e.Proofs)-mostProofs:])
	}
}

// HasSent reports whether a proof of the hash was sent and may be what the server
// has.
func (e Entry) HasSent(hash contract.Hash) bool {
	if e.Accepted != nil {
		return *e.Accepted == hash
	}
	return slices.Contains(e.Sent, hash)
}

// MarkRefused records that the server certainly did not store the proof of the
// hash.
func (e *Entry) MarkRefused(hash contract.Hash) {
	e.Sent = slices.DeleteFunc(e.Sent, func(h contract.Hash) bool { return h == hash })
}

// MarkAcknowledged records an answer of 200 with its proof_id.
func (e *Entry) MarkAcknowledged(phase ethproofs.Phase, hash contract.Hash, proofID int64, now time.Time) {
	if e.Acknowledged == 0 {
		e.AnnouncedAt = now
	}
	e.Acknowledged = max(e.Acknowledged, phase)
	if proofID != 0 {
		e.ProofID = proofID
	}
	if phase == ethproofs.Proved {
		e.Accepted = &hash
	}
}
