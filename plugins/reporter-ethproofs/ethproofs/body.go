package ethproofs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Phase is one of the three states that a block has at EthProofs, in their
// order. The zero Phase is a block that was never mentioned.
type Phase uint8

// The phases.
const (
	Queued Phase = iota + 1
	Proving
	Proved
)

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
	// MaxProofBytes is the default limit of a decoded proof. Its JSON stays
	// under the 6 MB that the site's platform passes on.
	MaxProofBytes = 4_400_000
	// MaxCluster is the largest index of a cluster (smallint).
	MaxCluster = math.MaxInt16
	// MaxProvingTime is the largest proving time in ms (int32), 24 days.
	MaxProvingTime = math.MaxInt32
	// maxExact is the largest integer that JSON numbers of every reader hold.
	maxExact = 1 << 53
)

// Proof is what is sent of a finished block.
type Proof struct {
	// ProvingTime is in milliseconds, from 1: generation of witness and proof,
	// without fetching, queueing and submission.
	ProvingTime int64
	Cycles      uint64 // 0 for not known
	VerifierID  string // may be empty; the server drops it at present
	Content     []byte
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

// StatusBody returns the request body of queued and proving.
func StatusBody(block uint64, cluster int) ([]byte, error) {
	if err := checkBlock(block, cluster); err != nil {
		return nil, err
	}
	return json.Marshal(statusBody{block, cluster})
}

// ProvedBody returns the request body of proved. The proof is standard base64
// with padding. A proof of more than limit bytes is an error, as is an empty
// one.
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

// insertProof puts the proof into a body that has an empty one. A JSON encoder would look at
// each of its characters for what has to be escaped, and base64 has nothing of the kind; that
// takes longer than all the rest between the record of a proof and its request.
func insertProof(body, proof []byte) []byte {
	const key = `"proof":"`
	at := bytes.Index(body, []byte(key+`"`)) + len(key) // quotes inside of strings are escaped
	whole := make([]byte, 0, len(body)+base64.StdEncoding.EncodedLen(len(proof)))
	whole = base64.StdEncoding.AppendEncode(append(whole, body[:at]...), proof)
	return append(whole, body[at:]...)
}

func checkBlock(block uint64, cluster int) error {
	if block > maxExact {
		return fmt.Errorf("block number %d is more than a JSON number holds", block)
	}
	// Zero stands in a dry run for a cluster that is not configured.
	if cluster < 0 || cluster > MaxCluster {
		return fmt.Errorf("cluster_id %d is out of range: want 1 to %d", cluster, MaxCluster)
	}
	return nil
}

// testDouble is the word inside every proof that a test program made in place of
// a prover.
const testDouble = "PROOFLINE-TEST-DOUBLE"

// ErrTestProof is returned for a proof that was made for a test.
var ErrTestProof = errors.New("the proof was made by a test double, not by a prover")

// CheckGenuine returns ErrTestProof for a proof that carries a test double's
// mark. It says nothing about the validity of other proofs.
func CheckGenuine(proof []byte) error {
	if bytes.Contains(proof, []byte(testDouble)) {
		return ErrTestProof
	}
	return nil
}
