package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
)

// Target identifies a cluster version at a server. EthProofs keeps one row per block
// and cluster version.
type Target struct {
	URL     string
	Cluster int   // index within the team
	Version int64 // id of the cluster version
}

// String returns "<url>#<cluster>@<version>", the name of the target's bucket.
func (t Target) String() string { return t.prefix() + strconv.FormatInt(t.Version, 10) }

func (t Target) prefix() string { return fmt.Sprintf("%s#%d@", t.URL, t.Cluster) }

// Entry records what was sent about one block number to one target.
type Entry struct {
	// Reached is the latest phase that was sent, whether or not an answer arrived.
	// Acknowledged is the latest phase that was answered with 200.
	Reached      ethproofs.Phase `json:"reached"`
	Acknowledged ethproofs.Phase `json:"acknowledged"`
	// Announced is the latest of the phases queued and proving that was sent.
	Announced ethproofs.Phase `json:"announced,omitempty"`
	Hash      contract.Hash   `json:"hash"` // of the latest block that was sent
	// Sent has the hashes of blocks whose proof was sent and may have been stored.
	Sent []contract.Hash `json:"sent,omitempty"`
	// Proofs describe the latest proofs that were sent, in the order of sending. Entries
	// of older versions of the plugin have none.
	Proofs []SentProof `json:"proofs,omitempty"`
	// Accepted is the hash of the block whose proof the server has, nil for none.
	Accepted    *contract.Hash `json:"accepted,omitempty"`
	ProofID     int64          `json:"proof_id,omitempty"` // 0 where not known
	Failed      bool           `json:"failed,omitempty"`   // the pipeline has given up the block
	AnnouncedAt time.Time      `json:"announced_at"`       // of the first acknowledged phase
	UpdatedAt   time.Time      `json:"updated_at"`
}

// SentProof describes a proof that was sent, by the figures that the site shows of a
// stored proof. They distinguish our proofs from those of other processes.
type SentProof struct {
	Hash   contract.Hash `json:"hash"`    // of the block
	Size   int64         `json:"size"`    // bytes
	TimeMS int64         `json:"time_ms"` // proving time
	SHA256 [32]byte      `json:"sha256"`
}

// maxProofs is how many sent proofs an entry describes.
const maxProofs = 8

// IsOpen reports whether the block is announced and its proof is pending.
func (e Entry) IsOpen() bool {
	return e.Accepted == nil && !e.Failed && e.Acknowledged != 0
}

// MarkSent records that a phase of the block with the hash is about to be sent.
func (e *Entry) MarkSent(phase ethproofs.Phase, hash contract.Hash) {
	e.Reached, e.Hash, e.Failed = max(e.Reached, phase), hash, false
	if phase != ethproofs.Proved {
		e.Announced = max(e.Announced, phase)
	} else if !slices.Contains(e.Sent, hash) {
		e.Sent = append(e.Sent, hash)
	}
}

// MarkProof records the proof that is about to be sent.
func (e *Entry) MarkProof(proof SentProof) {
	e.Proofs = slices.DeleteFunc(e.Proofs, func(p SentProof) bool { return p == proof })
	e.Proofs = append(e.Proofs, proof)
	if len(e.Proofs) > maxProofs {
		e.Proofs = slices.Clone(e.Proofs[len(e.Proofs)-maxProofs:])
	}
}

// HasSent reports whether a proof of the hash was sent and may be the proof that the
// server has.
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

// MarkAcknowledged records an answer of 200 and its proof_id. A proofID of 0 keeps the
// one that was recorded before.
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
