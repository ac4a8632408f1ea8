package ethproofs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Phase is one of the three states of a block at EthProofs, in ascending order. The
// zero Phase is the state of a block that was never announced.
type Phase uint8

// The phases.
const (
	Queued Phase = iota + 1
	Proving
	Proved
)

// String returns the name of the phase, which is also the last element of its route.
func (p Phase) String() string {
	switch p {
	case Queued:
		return "queued"
	case Proving:
		return "proving"
	case Proved:
		return "proved"
	}
	return "unannounced"
}

// Limits of what the server stores.
const (
	// MaxProofBytes is the default limit of a decoded proof, in bytes. The JSON of such a
	// proof stays under the 6 MB that the site's platform passes on.
	MaxProofBytes = 4_400_000
	// MaxCluster is the largest index of a cluster (smallint).
	MaxCluster = math.MaxInt16
	// MaxProvingTime is the largest proving time in milliseconds (int32), 24 days.
	MaxProvingTime = math.MaxInt32
	// maxExact is the largest integer that every JSON reader decodes exactly.
	maxExact = 1 << 53
)

// Proof is the content of a request of the phase Proved.
type Proof struct {
	// ProvingTime is the time that witness and proof took, in milliseconds from 1. It
	// excludes fetching, queueing and submission.
	ProvingTime int64
	Cycles      uint64 // 0 where not known
	VerifierID  string // may be empty; the server ignores it at present
	Content     []byte // raw bytes of the proof
}

type statusBody struct {
	BlockNumber uint64 `json:"block_number"`
	ClusterID   int    `json:"cluster_id"`
}

type provedBody struct {
	statusBody
	ProvingTime int64  `json:"proving_time"`
	Cycles      uint64 `json:"proving_cycles,omitempty"`
	Proof       string `json:"proof"`
	VerifierID  string `json:"verifier_id,omitempty"`
}

// StatusBody returns the request body of the phases Queued and Proving, as JSON.
func StatusBody(block uint64, cluster int) ([]byte, error) {
	if err := checkBlock(block, cluster); err != nil {
		return nil, err
	}
	return json.Marshal(statusBody{block, cluster})
}

// ProvedBody returns the request body of the phase Proved, as JSON. It encodes the proof
// as standard base64 with padding. A proof that is empty or has more than limit bytes is
// an error.
func ProvedBody(block uint64, cluster int, p Proof, limit int64) ([]byte, error) {
	if err := checkBlock(block, cluster); err != nil {
		return nil, err
	}
	switch {
	case p.ProvingTime < 1 || p.ProvingTime > MaxProvingTime:
		return nil, fmt.Errorf("block %d: a proving time of %d ms cannot be stored: want 1 to %d", block, p.ProvingTime, int64(MaxProvingTime))
	case p.Cycles > maxExact:
		return nil, fmt.Errorf("block %d: %d proving cycles are more than a JSON number holds", block, p.Cycles)
	case len(p.Content) == 0:
		return nil, fmt.Errorf("block %d: the proof is empty", block)
	case int64(len(p.Content)) > limit:
		return nil, fmt.Errorf("block %d: the proof has %d bytes, over the limit of %d (max_proof_bytes)", block, len(p.Content), limit)
	}
	body, err := json.Marshal(provedBody{
		statusBody:  statusBody{block, cluster},
		ProvingTime: p.ProvingTime,
		Cycles:      p.Cycles,
		VerifierID:  p.VerifierID,
	})
	if err != nil {
		return nil, err
	}
	return insertProof(body, p.Content), nil
}

// insertProof puts the proof into a body whose proof is empty. Base64 has no character
// that JSON escapes. A JSON encoder would check each of them, which takes longer than all
// other steps between the record of a proof and its request.
func insertProof(body, proof []byte) []byte {
	const key = `"proof":"`
	at := bytes.Index(body, []byte(key+`"`)) + len(key) // unique: quotes inside strings are escaped
	out := make([]byte, 0, len(body)+base64.StdEncoding.EncodedLen(len(proof)))
	out = base64.StdEncoding.AppendEncode(append(out, body[:at]...), proof)
	return append(out, body[at:]...)
}

func checkBlock(block uint64, cluster int) error {
	if block > maxExact {
		return fmt.Errorf("block number %d is more than a JSON number holds", block)
	}
	// A dry run may use 0, which means that no cluster is configured.
	if cluster < 0 || cluster > MaxCluster {
		return fmt.Errorf("cluster_id %d is out of range: want 1 to %d", cluster, MaxCluster)
	}
	return nil
}

// testDouble is the mark inside every proof that a test program made in place of a
// prover.
const testDouble = "PROOFLINE-TEST-DOUBLE"

// ErrTestProof is returned for a proof that was made for a test.
var ErrTestProof = errors.New("the proof was made by a test double, not by a prover")

// CheckGenuine returns ErrTestProof for a proof that contains the mark of a test
// double. It does not verify other proofs.
func CheckGenuine(proof []byte) error {
	if bytes.Contains(proof, []byte(testDouble)) {
		return ErrTestProof
	}
	return nil
}
