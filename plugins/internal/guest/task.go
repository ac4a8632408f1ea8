package guest

import (
	"encoding/hex"
	"fmt"

	"github.com/proofline/proofline/sdk"
)

// factFormat is the fact in which a builder names the format of its input.
const factFormat = "format"

// OfTask returns what is known of the block that a task's guest executes: its hash, and
// the builder's facts about format and public values.
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

// CheckProof returns a function that checks the public values of a verified proof of the
// task. The function returns a permanent error where the guest refused the block or
// executed another one, because another proof of the same input has the same values.
func CheckProof(t *sdk.Task) func(publics []byte) error {
	return func(publics []byte) error {
		block, err := OfTask(t)
		if err != nil {
			return err
		}
		verdict, detail := block.Compare(publics)
		switch verdict {
		case Differs:
			return sdk.Permanent(fmt.Errorf("the proof is not reported: %s", detail))
		case NotCompared:
			t.Log.Debug("the public values are not compared with the block", "reason", detail)
		}
		return nil
	}
}
