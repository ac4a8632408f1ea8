package stateless

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto/kzg4844"
)

// TestPrepare checks that after Prepare a verification takes a small part of the time that
// Prepare took. The proof is that of the constant polynomial 0, whose commitment and proof are
// the point at infinity (EIP-4844).
func TestPrepare(t *testing.T) {
	started := time.Now()
	Prepare()
	first := time.Since(started)
	var infinity kzg4844.Commitment
	infinity[0] = 0xc0
	started = time.Now()
	if err := kzg4844.VerifyProof(infinity, kzg4844.Point{}, kzg4844.Claim{}, kzg4844.Proof(infinity)); err != nil {
		t.Fatalf("%v: %s", err, hex.EncodeToString(infinity[:]))
	}
	t.Logf("set-up %v, a verification behind it %v", first, time.Since(started))
}
