package input

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk/witness"
)

// Build builds the input of a block from the block, its witness and the outcome of its
// execution. The block must belong to the fork and the outcome to the block
// (stateless.Outcome.Check). Errors begin with the block's number.
func Build(dialect guest.Format, fork guest.Fork, chainID uint64, block *types.Block, w Witness, outcome *stateless.Outcome) (*Input, error) {
	in, err := build(dialect, fork, chainID, block, w, outcome)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", block.NumberU64(), err)
	}
	return in, nil
}

func build(dialect guest.Format, fork guest.Fork, chainID uint64, block *types.Block, w Witness, outcome *stateless.Outcome) (*Input, error) {
	in := &Input{Dialect: dialect, Fork: fork, ChainID: chainID, Witness: w}
	if err := in.setPayload(block); err != nil {
		return nil, err
	}
	in.Payload.AccessList = outcome.AccessList
	if err := in.setRequests(outcome.Requests); err != nil {
		return nil, err
	}
	if root := block.BeaconRoot(); root != nil {
		in.BeaconRoot = *root
	}
	if dialect == guest.SSZD3 {
		in.PublicKeys = outcome.PublicKeys
	}
	return in, nil
}

// setPayload sets the payload and the versioned hashes from the header and the body.
func (in *Input) setPayload(block *types.Block) error {
	header := block.Header()
	p := &in.Payload
	*p = Payload{
		ParentHash: header.ParentHash, FeeRecipient: header.Coinbase, StateRoot: header.Root, ReceiptsRoot: header.ReceiptHash,
		LogsBloom: header.Bloom, PrevRandao: header.MixDigest, Number: block.NumberU64(), GasLimit: header.GasLimit,
		GasUsed: header.GasUsed, Timestamp: header.Time, ExtraData: header.Extra, BlockHash: block.Hash(),
	}
	if header.BaseFee == nil {
		return fmt.Errorf("baseFeePerGas is missing")
	}
	if !header.BaseFee.IsUint64() {
		return fmt.Errorf("baseFeePerGas is %v, the guests' limit is 2^64-1", header.BaseFee)
	}
	binary.LittleEndian.PutUint64(p.BaseFeePerGas[:], header.BaseFee.Uint64())
	for _, field := range []struct {
		name  string
		from  guest.Fork
		value *uint64
		to    *uint64
	}{
		{"blobGasUsed", guest.Cancun, header.BlobGasUsed, &p.BlobGasUsed},
		{"excessBlobGas", guest.Cancun, header.ExcessBlobGas, &p.ExcessBlobGas},
		{"slotNumber", guest.Amsterdam, header.SlotNumber, &p.SlotNumber},
	} {
		if has := in.Fork >= field.from; has != (field.value != nil) {
			return fmt.Errorf("%s is %s, but it is a block of %v", field.name, map[bool]string{true: "missing", false: "set"}[has], in.Fork)
		}
		if field.value != nil {
			*field.to = *field.value
		}
	}
	for i, tx := range block.Transactions() {
		encoded, err := tx.MarshalBinary()
		if err != nil {
			return fmt.Errorf("transactions[%d]: %w", i, err)
		}
		p.Transactions = append(p.Transactions, encoded)
		for _, hash := range tx.BlobHashes() {
			in.VersionedHashes = append(in.VersionedHashes, hash[:]...)
		}
	}
	for _, w := range block.Withdrawals() {
		b := binary.LittleEndian.AppendUint64(p.Withdrawals, w.Index)
		b = binary.LittleEndian.AppendUint64(b, w.Validator)
		b = append(b, w.Address[:]...)
		p.Withdrawals = binary.LittleEndian.AppendUint64(b, w.Amount)
	}
	return nil
}

// setRequests sets the execution requests (EIP-7685) by their type.
func (in *Input) setRequests(requests [][]byte) error {
	for _, request := range requests {
		if len(request) < 2 || int(request[0]) >= requestTypesOf(in.Fork) {
			return fmt.Errorf("an execution request of %d bytes that begins %#x is none of those of %v", len(request), request[:min(1, len(request))], in.Fork)
		}
		if in.Requests[request[0]] != nil {
			return fmt.Errorf("two lists of %s", requestTypes[request[0]].name)
		}
		in.Requests[request[0]] = request[1:]
	}
	return nil
}

// Normalize converts a node's witness to a form that does not depend on the node's order:
// nodes and codes are sorted by their bytes and have no duplicates, and headers are
// ascending. It leaves out empty codes and the node of the empty trie. It fails where the
// headers do not form a chain that ends at the block's parent.
func Normalize(block *types.Block, w *witness.Witness) (Witness, error) {
	chain, err := w.Ancestors(block)
	if err != nil {
		return Witness{}, &stateless.WitnessError{Err: err}
	}
	out := Witness{State: sortEntries(w.State), Codes: sortEntries(w.Codes), Headers: make([][]byte, len(chain))}
	for i, header := range chain {
		encoded, err := rlp.EncodeToBytes(header)
		if err != nil {
			return Witness{}, fmt.Errorf("header of block %d: %w", header.Number, err)
		}
		out.Headers[len(chain)-1-i] = encoded
	}
	return out, nil
}

// sortEntries returns the entries sorted, without duplicates and without empty ones.
func sortEntries(entries [][]byte) [][]byte {
	list := make([][]byte, 0, len(entries))
	for _, entry := range entries {
		if len(entry) > 0 && !bytes.Equal(entry, emptyTrie) {
			list = append(list, entry)
		}
	}
	slices.SortFunc(list, bytes.Compare)
	return slices.CompactFunc(list, bytes.Equal)
}

// emptyTrie is the node of a trie without entries.
var emptyTrie = []byte{0x80}
