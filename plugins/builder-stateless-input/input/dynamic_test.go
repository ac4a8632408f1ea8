package input_test

import (
	"bytes"
	"testing"

	dynssz "github.com/pk910/dynamic-ssz"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/guest"
)

// The containers of Amsterdam in the language of dynamic-ssz, written from the
// specification (amsterdam-input.md §2 and §3.1), for a second opinion on bytes and
// roots.
type (
	dynD4 struct {
		Request dynRequest
		Witness dynWitness
		ChainID uint64
	}
	dynD3 struct {
		Request    dynRequest
		Witness    dynWitness
		ChainID    uint64
		PublicKeys [][65]byte `ssz-type:"progressive-list"`
	}
	dynRequest struct {
		Payload         dynPayload
		VersionedHashes [][32]byte `ssz-type:"progressive-list"`
		BeaconRoot      [32]byte
		Requests        dynRequests
	}
	dynPayload struct {
		ParentHash    [32]byte        `ssz-index:"0"`
		FeeRecipient  [20]byte        `ssz-index:"1"`
		StateRoot     [32]byte        `ssz-index:"2"`
		ReceiptsRoot  [32]byte        `ssz-index:"3"`
		LogsBloom     [256]byte       `ssz-index:"4"`
		PrevRandao    [32]byte        `ssz-index:"5"`
		BlockNumber   uint64          `ssz-index:"6"`
		GasLimit      uint64          `ssz-index:"7"`
		GasUsed       uint64          `ssz-index:"8"`
		Timestamp     uint64          `ssz-index:"9"`
		ExtraData     []byte          `ssz-index:"10" ssz-max:"32"`
		BaseFeePerGas [32]byte        `ssz-index:"11"`
		BlockHash     [32]byte        `ssz-index:"12"`
		Transactions  [][]byte        `ssz-index:"13" ssz-type:"progressive-list,progressive-list"`
		Withdrawals   []dynWithdrawal `ssz-index:"14" ssz-type:"progressive-list"`
		BlobGasUsed   uint64          `ssz-index:"15"`
		ExcessBlobGas uint64          `ssz-index:"16"`
		AccessList    []byte          `ssz-index:"17" ssz-type:"progressive-list"`
		SlotNumber    uint64          `ssz-index:"18"`
	}
	dynWithdrawal struct {
		Index, Validator uint64
		Address          [20]byte
		Amount           uint64
	}
	dynRequests struct {
		Deposits        []dynDeposit        `ssz-index:"0" ssz-type:"progressive-list"`
		Withdrawals     []dynExit           `ssz-index:"1" ssz-type:"progressive-list"`
		Consolidations  []dynConsolidation  `ssz-index:"2" ssz-type:"progressive-list"`
		BuilderDeposits []dynBuilderDeposit `ssz-index:"3" ssz-type:"progressive-list"`
		BuilderExits    []dynBuilderExit    `ssz-index:"4" ssz-type:"progressive-list"`
	}
	dynDeposit struct {
		Pubkey      [48]byte
		Credentials [32]byte
		Amount      uint64
		Signature   [96]byte
		Index       uint64
	}
	dynExit struct {
		Source [20]byte
		Pubkey [48]byte
		Amount uint64
	}
	dynConsolidation struct {
		Source       [20]byte
		SourcePubkey [48]byte
		TargetPubkey [48]byte
	}
	dynBuilderDeposit struct {
		Pubkey      [48]byte
		Credentials [32]byte
		Amount      uint64
		Signature   [96]byte
	}
	dynBuilderExit struct {
		Source [20]byte
		Pubkey [48]byte
	}
	dynWitness struct {
		State   [][]byte `ssz-type:"progressive-list,list" ssz-max:"?,1024"`
		Codes   [][]byte `ssz-type:"progressive-list,list" ssz-max:"?,65536"`
		Headers [][]byte `ssz-max:"256,1024"`
	}
)

// checkDynamic decodes an Amsterdam input with dynamic-ssz, encodes it again, and
// compares bytes and request root.
func checkDynamic(t *testing.T, in *input.Input, data []byte) {
	t.Helper()
	d := dynssz.NewDynSsz(nil, dynssz.WithNoFastSsz(), dynssz.WithNoFastHash())
	var value any
	var request *dynRequest
	switch in.Dialect {
	case guest.SSZD3:
		v := new(dynD3)
		value, request = v, &v.Request
	case guest.SSZD4:
		v := new(dynD4)
		value, request = v, &v.Request
	}
	if err := d.UnmarshalSSZ(value, data[2:]); err != nil {
		t.Errorf("block %d: %s: %v", in.Payload.Number, in.Dialect, err)
		return
	}
	again, err := d.MarshalSSZ(value)
	if err != nil || !bytes.Equal(again, data[2:]) {
		t.Errorf("block %d: %s: dynamic-ssz encodes otherwise: %v", in.Payload.Number, in.Dialect, err)
	}
	root, err := d.HashTreeRoot(request)
	if want := in.Output().RequestRoot; err != nil || root != want {
		t.Errorf("block %d: %s: dynamic-ssz finds the request root %x, not %x: %v", in.Payload.Number, in.Dialect, root, want, err)
	}
}

// TestDynamicOnUpstream checks dynamic-ssz itself with the published inputs.
func TestDynamicOnUpstream(t *testing.T) {
	_, m := upstream(t)
	for _, dialect := range guest.Dialects() {
		in := m.build(t, dialect)
		checkDynamic(t, in, encode(t, in))
	}
}
