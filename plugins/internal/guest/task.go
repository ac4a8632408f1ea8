package guest

import (
	"encoding/hex"
	"fmt"

	"github.com/proofline/proofline/sdk"
)

// factFormat is the fact by which a builder names the format of its input.
const factFormat = "format"

// OfTask returns what is known of the block that a task's guest executes: its hash,
// and what the builder has handed on of format and public values.
func OfTask(t *sdk.Task) (Block, error) {
	block := Block{Hash: t.Block.Hash, Guest: Format(t.Facts[factFormat]).Commitment()}
	if text, ok := t.Facts[FactPublicValues]; ok {
		exact, err := hex.DecodeString(text)
		if err != nil {
			return block, sdk.Permanent(fmt.Errorf("the builder's fact %s: %w", FactPublicValues, err))
		}
		block.Exact = exact
	}
	return block, nil
}

// CheckProof judges the public values of a verified proof of a task. Values that say
// that the guest refused the block, or executed another one, are a permanent error:
// another proof of the same input would say the same.
func CheckProof(t *sdk.Task) func(publics []byte) error {
	return func(publics []byte) error {
		block, err := OfTask(t)
		if err != nil {
			return err
		}
		verdict, says := block.Compare(publics)
		switch verdict {
		case Differs:
			return sdk.Permanent(fmt.Errorf("the proof is not reported: %s", says))
		case NotCompared:
			t.Log.Debug("the public values are not compared with the block", "reason", says)
		}
		return nil
	}
}
