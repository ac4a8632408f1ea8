package load

import (
	"encoding/binary"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto/kzg4844"
)

// fieldElement is the size of an element of a blob, in bytes.
const fieldElement = 32

// newSidecar returns a sidecar of the given number of blobs with cell proofs (EIP-7594).
//
// Each blob repeats one random value v, so it is a constant polynomial. Its commitment is v
// times the generator of G1, and all its proofs are the point at infinity. Such a sidecar is
// valid and takes one multiplication for each blob. The proofs of any other blob would take
// a second of CPU time.
func newSidecar(blobs int, random func() uint64) *types.BlobTxSidecar {
	_, _, generator, _ := bls12381.Generators()
	var infinity bls12381.G1Affine
	proof := kzg4844.Proof(infinity.Bytes())
	var (
		content     = make([]kzg4844.Blob, blobs)
		commitments = make([]kzg4844.Commitment, blobs)
		proofs      = make([]kzg4844.Proof, blobs*kzg4844.CellProofsPerBlob)
	)
	for i := range content {
		var value [fieldElement]byte
		binary.BigEndian.PutUint64(value[fieldElement-8:], random())
		for at := 0; at < len(content[i]); at += fieldElement {
			copy(content[i][at:], value[:])
		}
		var commitment bls12381.G1Affine
		commitment.ScalarMultiplication(&generator, new(big.Int).SetBytes(value[:]))
		commitments[i] = kzg4844.Commitment(commitment.Bytes())
	}
	for i := range proofs {
		proofs[i] = proof
	}
	return types.NewBlobTxSidecar(types.BlobSidecarVersion1, content, commitments, proofs)
}
