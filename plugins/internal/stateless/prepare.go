package stateless

import "github.com/ethereum/go-ethereum/crypto/kzg4844"

// Prepare loads the trusted setup of KZG proofs (EIP-4844), which takes about two
// seconds. Without it the first execution that evaluates a point loads the setup. A
// plugin calls it in a goroutine at its start; an execution that needs the setup before
// waits for it.
func Prepare() {
	// Any call loads the setup. The call fails, because the proof is all zero.
	_ = kzg4844.VerifyProof(kzg4844.Commitment{}, kzg4844.Point{}, kzg4844.Claim{}, kzg4844.Proof{})
}
