package stateless

import "github.com/ethereum/go-ethereum/crypto/kzg4844"

// Prepare does what the first execution of a block with a point evaluation
// (EIP-4844) would do else: it loads the trusted setup, which takes about two
// seconds. A plugin calls it in a goroutine when it is opened, so that no block waits
// for it; an execution that comes earlier waits for its end.
func Prepare() {
	// Any call loads the setup; the error says that the zero proof is none.
	_ = kzg4844.VerifyProof(kzg4844.Commitment{}, kzg4844.Point{}, kzg4844.Claim{}, kzg4844.Proof{})
}
